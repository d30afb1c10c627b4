/** `GET /v1/models` and `/v1/models/:model`, from the hub: nobody is asked. */

import { ColinkError } from "../error.ts";
import type { AppParts } from "./parts.ts";
import { apiKey } from "./credentials.ts";
import type { AppContext } from "./env.ts";

const PREFIX = "/v1/models/";

function modelView(id: string, created: number) {
  return { id, object: "model" as const, created, owned_by: "co-link" };
}

export function listModels({ keyring, hub, startedAt }: AppParts) {
  return async (c: AppContext): Promise<Response> => {
    const key = await apiKey(c.req.raw.headers, keyring);
    const created = Math.floor(startedAt / 1000);
    const visible = hub.models().filter((id) => key.models === null || key.models.includes(id));
    return c.json({ object: "list", data: visible.map((id) => modelView(id, created)) });
  };
}

/** Ids may hold slashes, encoded or raw: all that follows the prefix is the id. */
export function oneModel({ keyring, hub, startedAt }: AppParts) {
  return async (c: AppContext): Promise<Response> => {
    const key = await apiKey(c.req.raw.headers, keyring);
    const path = new URL(c.req.url).pathname.slice(PREFIX.length);
    const id = decoded(path);
    const isVisible = key.models === null || key.models.includes(id);
    if (hub.factsOf(id) === null || !isVisible) {
      throw new ColinkError(
        "model_not_found",
        `Cannot find the model "${id}": GET /v1/models lists what is offered`,
        { param: "model" },
      );
    }
    return c.json(modelView(id, Math.floor(startedAt / 1000)));
  };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
