/** A user as the gateway shows it to itself, for tests. */

import type { UserView } from "../../api/mod.ts";

export function aUser(changes: Partial<UserView> = {}): UserView {
  return {
    id: "u1",
    email: "lin@example.org",
    role: "user",
    api_token: "sk-colink-1",
    client_token: "client-1",
    has_password: true,
    total_api_calls: 0,
    total_provided_calls: 0,
    created_at: 0,
    ...changes,
  };
}
