/** What the gateway seems to answer while pictures are taken: the scene's own words where it has some. */

import type { BrowserContext, Route } from "playwright-core";
import type { NodeView } from "../../api/mod.ts";
import {
  adminNodes,
  aliases,
  audit,
  groups,
  invites,
  modelSettings,
  overview,
  settings,
  troubles,
  users,
} from "./administration.ts";
import { crowd, ownNodes, speeds } from "./crowd.ts";
import { lent, models, nodeDetail } from "./models.ts";
import { budgets, callDetail, calls, keys, sessions } from "./records.ts";
import type { Scene } from "./scene.ts";
import { usage } from "./usage.ts";

const overviewModels = ["llama3.2", "Qwen/Qwen3-8B", "deepseek-r1:32b"];

/**
 * Makes the pages of `context` see the scene; what is not listed here the gateway answers itself.
 * Models are asked at `speechUrl`.
 */
export async function pretend(
  context: BrowserContext,
  scene: Scene,
  speechUrl: string,
): Promise<void> {
  const listed = scene.nodes ?? crowd(Date.now());
  const nodes = scene.isUser ? listed : listed.map(asVisitor);
  const counts = { nodes: nodes.length, models: models(nodes).length };
  const json = (body: unknown) => (route: Route) => route.fulfill({ json: body });
  const answers: Record<string, (route: Route) => Promise<void>> = {
    "**/api/nodes": json({ nodes }),
    "**/api/nodes/speed": json({ nodes: speeds(nodes) }),
    "**/api/nodes/mine": json({ nodes: nodes.length > 0 ? ownNodes(nodes, Date.now()) : [] }),
    "**/api/usage*": (route) => {
      const query = new URL(route.request().url()).searchParams;
      const side = query.get("side") === "provided" ? "provided" : "made";
      const models = nodes.length === 0 ? [] : ["llama3.2", "Qwen/Qwen3-8B", "deepseek-r1:32b"];
      return route.fulfill({
        json: usage(side, Number(query.get("from")), Number(query.get("to")), models),
      });
    },
    "**/api/admin/overview*": (route) => {
      const query = new URL(route.request().url()).searchParams;
      const range = [Number(query.get("from")), Number(query.get("to"))] as const;
      const used = usage("made", ...range, nodes.length === 0 ? [] : overviewModels);
      const view = overview(nodes, used);
      const attention = scene.isTroubled ? troubles(Date.now()) : view.attention;
      return route.fulfill({ json: { ...view, attention } });
    },
    "**/api/nodes/*/usage*": (route) => {
      const query = new URL(route.request().url()).searchParams;
      return route.fulfill({
        json: usage("provided", Number(query.get("from")), Number(query.get("to")), overviewModels),
      });
    },
    "**/api/nodes/*/lent*": json({ days: lent(Date.now()) }),
    "**/api/models": json({ models: models(nodes) }),
    "**/api/nodes/*": (route) => {
      const id = route.request().url().split("/").at(-1);
      if (id === "mine" || id === "speed") return route.fallback();
      return route.fulfill({
        json: nodeDetail(nodes.find((node) => node.id === id) ?? null, Date.now()),
      });
    },
    "**/api/keys": json({
      keys: nodes.length > 0 ? keys(Date.now()) : keys(Date.now()).slice(0, 2),
    }),
    "**/api/calls*": (route) => {
      const isFailed = route.request().url().includes("outcome=failed");
      const all = nodes.length > 0 ? calls(Date.now()) : [];
      const shown = isFailed ? all.filter(({ cause }) => cause !== null) : all;
      return route.fulfill({
        json: { calls: shown, next_cursor: null, following: null, looked_to: null },
      });
    },
    "**/api/calls/*": (route) => {
      const id = route.request().url().split("/").at(-1);
      const call = calls(Date.now()).find((one) => one.id === id);
      return call ? route.fulfill({ json: { call: callDetail(call) } }) : route.fallback();
    },
    "**/api/user/budgets": json({ budgets: nodes.length > 0 ? budgets(Date.now()) : [] }),
    "**/api/user/sessions": json({ sessions: sessions(Date.now()) }),
    "**/api/admin/users*": json({ users: users(Date.now()), next_cursor: null, following: null }),
    "**/api/admin/groups": json({ groups: groups(Date.now()) }),
    "**/api/admin/aliases": json({ aliases }),
    "**/api/admin/models": json({ models: modelSettings }),
    "**/api/admin/invites": json({ invites: invites(Date.now()) }),
    "**/api/admin/settings": json(settings),
    "**/api/admin/nodes": json({ nodes: adminNodes(Date.now()) }),
    "**/api/admin/audit*": json({ entries: audit(Date.now()), next_cursor: null, following: null }),
    // Pages then ask by themselves.
    "**/api/live*": (route) => route.fulfill({ status: 503, body: "" }),
    "**/api/info": async (route) => {
      const answer = await route.fetch();
      const info = {
        ...await answer.json(),
        ...counts,
        version: "0.1.0",
        setup: false,
        ...scene.info,
      };
      await route.fulfill({ json: info });
    },
    "**/v1/chat/completions": (route) => route.continue({ url: speechUrl }),
  };
  if (scene.isUser && (nodes.length > 0 || scene.isAdmin)) {
    answers["**/api/user/me"] = async (route) => {
      const { user } = await (await route.fetch()).json();
      const role = scene.isAdmin ? "admin" : "user";
      const totals = nodes.length === 0
        ? { total_api_calls: 0, total_provided_calls: 0 }
        : { total_api_calls: 21_930, total_provided_calls: 8114 };
      await route.fulfill({ json: { user: { ...user, ...totals, role } } });
    };
  }
  for (const [pattern, answer] of Object.entries({ ...answers, ...scene.answers })) {
    await context.route(pattern, answer);
  }
}

function asVisitor(node: NodeView): NodeView {
  return { ...node, mine: false, share_with: null };
}
