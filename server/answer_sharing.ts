/** Joins the answers that a gateway keeps with those of the others. */

import { type PeerQuestion, servePeer } from "./call/peer_answers.ts";
import type { SharedAnswers } from "./call/shared_answers.ts";
import type { Cluster } from "./cluster/cluster.ts";

export function shareAnswers(
  sharedAnswers: SharedAnswers,
  cluster: Pick<Cluster, "owners" | "answers" | "handover" | "standingOf" | "successors">,
): void {
  const { owners, answers, handover } = cluster;
  handover.keep = (answer) => sharedAnswers.keep(answer);
  answers.serve = (question, target) => servePeer(sharedAnswers, question as PeerQuestion, target);
  sharedAnswers.others = {
    claim: (...claim) => owners.claim(...claim),
    find: (name) => owners.find(name),
    renew: (...renewed) => owners.renew(...renewed),
    release: (name) => owners.release(name),
    move: (...moved) => owners.move(...moved),
    successors: () => cluster.successors,
    give: (...given) => handover.give(...given),
    standingOf: (gateway) => cluster.standingOf(gateway),
    ask: (...asked) => answers.ask(...asked),
  };
}
