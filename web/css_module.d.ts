/** Class names of a stylesheet beside its component; style_test.ts checks that they exist. */
declare module "*.module.css" {
  const classes: Readonly<Record<string, string>>;
  export = classes;
}
