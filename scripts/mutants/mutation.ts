/** The small changes that can be made to a source file: each is a mistake that a test should notice. */

import { parse } from "@babel/parser";

export interface Mutation {
  /** 1-based. */
  line: number;
  /** The line of the source that changes, without its indentation. */
  text: string;
  /** The change in words: `"<" becomes "<="`. */
  what: string;
  /** The source with the change made. */
  apply(source: string): string;
}

/** A node of Babel's syntax tree, as far as it is read here. */
interface Syntax {
  type: string;
  start: number;
  end: number;
  loc: { start: { line: number } };
  [property: string]: unknown;
}

interface Edit {
  start: number;
  end: number;
  by: string;
  what: string;
}

const operators: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "&&": "||",
  "||": "&&",
  "+": "-",
  "-": "+",
};

const methods: Readonly<Record<string, string>> = {
  some: "every",
  every: "some",
  min: "max",
  max: "min",
};

/** Every change that can be made to the source. */
export function mutationsOf(source: string): Mutation[] {
  const tree = parse(source, { sourceType: "module", plugins: ["typescript", "jsx"] });
  const lines = source.split("\n");
  const found: Mutation[] = [];
  visit(tree.program as unknown as Syntax, (node) => {
    for (const { start, end, by, what } of editsOf(node, source)) {
      found.push({
        line: node.loc.start.line,
        text: (lines[node.loc.start.line - 1] ?? "").trim(),
        what,
        apply: (text) => text.slice(0, start) + by + text.slice(end),
      });
    }
  });
  return found;
}

function visit(node: Syntax, see: (node: Syntax) => void): void {
  if (/^TS(Type|Interface)|^ImportDeclaration$/.test(node.type)) return;
  see(node);
  for (const [name, value] of Object.entries(node)) {
    if (name === "loc" || name.endsWith("Comments")) continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isSyntax(child)) visit(child, see);
    }
  }
}

function isSyntax(value: unknown): value is Syntax {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

function editsOf(node: Syntax, source: string): Edit[] {
  switch (node.type) {
    case "IfStatement":
    case "WhileStatement":
    case "ConditionalExpression":
      return [negated(node.test as Syntax, source)];
    case "BinaryExpression":
    case "LogicalExpression":
      return operatorEdits(node, source);
    case "BooleanLiteral": {
      const by = String(!node.value);
      return [{ start: node.start, end: node.end, by, what: `${node.value} becomes ${by}` }];
    }
    case "ExpressionStatement":
      return statementEdits(node);
    case "CallExpression":
      return methodEdits(node.callee as Syntax);
    default:
      return [];
  }
}

function negated({ start, end }: Syntax, source: string): Edit {
  const what = "the condition is turned round";
  return { start, end, by: `!(${source.slice(start, end)})`, what };
}

function operatorEdits(node: Syntax, source: string): Edit[] {
  const operator = node.operator as string;
  const by = operators[operator];
  const [left, right] = [node.left as Syntax, node.right as Syntax];
  const isText = [left, right].some(({ type }) => /StringLiteral|TemplateLiteral/.test(type));
  if (by === undefined || (isText && /[+-]/.test(operator))) return [];
  const start = source.indexOf(operator, left.end);
  return [{ start, end: start + operator.length, by, what: `"${operator}" becomes "${by}"` }];
}

/** A call whose result is not used is there for what it does. */
function statementEdits(node: Syntax): Edit[] {
  const expression = node.expression as Syntax;
  const isSuper = (expression.callee as Syntax | undefined)?.type === "Super";
  const isDone = /^(Call|OptionalCall|Await|Update|Assignment)Expression$/.test(expression.type);
  if (!isDone || isSuper) return [];
  return [{ start: node.start, end: node.end, by: ";", what: "the statement is left out" }];
}

function methodEdits(callee: Syntax): Edit[] {
  const property = callee.property as Syntax | undefined;
  const name = property?.name as string | undefined;
  const by = callee.type === "MemberExpression" && name !== undefined && methods[name];
  if (!property || !by) return [];
  return [{ start: property.start, end: property.end, by, what: `${name} becomes ${by}` }];
}
