/** How much is measured: enough to be believed, or just enough to see that everything works. */

export interface Size {
  rounds: number;
  /** Rounds of the figures for which a gateway is restarted in each. */
  freshRounds: number;
  /** Of a load whose processor time is counted. */
  loadSeconds: number;
  /** Calls a round and variant whose times are taken one by one. */
  timedCalls: number;
  /** Until a gateway has compiled what it runs often; each worker does so by itself. */
  warmUpCalls: number;
  /** Two populations of nodes; figures per node are the slope between them. */
  idleNodes: readonly [number, number];
  openStreams: readonly [number, number];
  /** Nodes beside which an idle gateway is watched, and for how long in a round. */
  idleCrowd: number;
  idleSeconds: number;
  /** After a population has grown, before memory is read. */
  settleMs: number;
  /** Streams at a time that are tried, in this order, for how many one core carries. */
  capacitySteps: readonly number[];
  capacitySeconds: number;
  maxForeignCores: number;
  maxRepeats: number;
}

export const fullSize: Size = {
  rounds: 5,
  freshRounds: 5,
  loadSeconds: 5,
  timedCalls: 1500,
  warmUpCalls: 50_000,
  idleNodes: [2000, 10_000],
  openStreams: [200, 1200],
  idleCrowd: 1000,
  idleSeconds: 30,
  settleMs: 4000,
  capacitySteps: [500, 1000, 1500, 2000, 2500, 3000, 4000],
  capacitySeconds: 5,
  maxForeignCores: 0.1,
  maxRepeats: 5,
};

export const quickSize: Size = {
  rounds: 1,
  freshRounds: 1,
  loadSeconds: 1,
  timedCalls: 100,
  warmUpCalls: 1,
  idleNodes: [100, 300],
  openStreams: [50, 150],
  idleCrowd: 100,
  idleSeconds: 2,
  settleMs: 500,
  capacitySteps: [100, 250],
  capacitySeconds: 2,
  maxForeignCores: Infinity,
  maxRepeats: 0,
};
