import { expect, test } from "bun:test";
import { ColinkError } from "../base/error.ts";
import { routeOf } from "./route.ts";

const asking = (route: string) => new Headers({ "x-colink-route": route });

test("a call may use the nodes that its key may, and fewer where it asks for that", () => {
  expect(routeOf(new Headers(), "any")).toBe("any");
  expect(routeOf(new Headers(), "group")).toBe("group");
  expect(routeOf(asking("own"), "any")).toBe("own");
  expect(routeOf(asking("own"), "group")).toBe("own");
  expect(routeOf(asking("any"), "own")).toBe("own");
});

test("another route is refused with the ones that there are", () => {
  for (const wrong of ["mine", "", "OWN", "own, any"]) {
    expect(() => routeOf(asking(wrong), "any")).toThrow(ColinkError);
  }
  expect(() => routeOf(asking("mine"), "any")).toThrow(/must be own, group, any/);
});
