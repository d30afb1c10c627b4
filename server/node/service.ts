/** What a call asks for and a node offers: a model, at an endpoint. */

import type { Endpoint } from "../../protocol/mod.ts";

export interface Service {
  readonly model: string;
  readonly endpoint: Endpoint;
}

/** One value per service. Indexed by model first, because all values of one model are asked for together. */
export class ByService<T> {
  readonly #byModel = new Map<string, Map<Endpoint, T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get({ model, endpoint }: Service): T | undefined {
    return this.#byModel.get(model)?.get(endpoint);
  }

  /** The values of one model. */
  ofModel(model: string): Iterable<T> {
    return this.#byModel.get(model)?.values() ?? [];
  }

  *values(): Iterable<T> {
    for (const values of this.#byModel.values()) yield* values.values();
  }

  *entries(): Iterable<[Service, T]> {
    for (const [model, values] of this.#byModel) {
      for (const [endpoint, value] of values) yield [{ model, endpoint }, value];
    }
  }

  set({ model, endpoint }: Service, value: T): void {
    const values = this.#byModel.get(model) ?? new Map<Endpoint, T>();
    this.#byModel.set(model, values);
    if (!values.has(endpoint)) this.#size++;
    values.set(endpoint, value);
  }

  delete({ model, endpoint }: Service): void {
    const values = this.#byModel.get(model);
    if (!values?.delete(endpoint)) return;
    this.#size--;
    if (values.size === 0) this.#byModel.delete(model);
  }
}
