/** A conversation with one model, or the same with two side by side. */

import { signal } from "@preact/signals";
import { Answer, type AnswerRecord } from "./answer.ts";
import { chatBody, noParameters, type Parameters, type UserMessage } from "./chat_request.ts";

/** What was asked, and the answers of the models that were asked, by column. */
export interface Turn {
  asked: UserMessage;
  answers: readonly Answer[];
}

export interface TurnRecord {
  text: string;
  /** Pictures are not kept: browsers give a page little room. */
  images: number;
  answers: AnswerRecord[];
}

export interface ConversationRecord {
  id: string;
  atMs: number;
  title: string;
  system: string;
  parameters: Parameters;
  models: string[];
  turns: TurnRecord[];
}

/** A title is the first question's beginning. */
const TITLE_LENGTH = 60;

export class Conversation {
  readonly id: string;
  readonly atMs: number;
  readonly turns = signal<readonly Turn[]>([]);
  readonly system = signal("");
  readonly parameters = signal<Parameters>(noParameters);
  /** One, or two that are compared. The first may be empty while no model is known. */
  readonly models = signal<readonly string[]>([""]);

  constructor(id: string = crypto.randomUUID(), atMs: number = Date.now()) {
    this.id = id;
    this.atMs = atMs;
  }

  static from(record: ConversationRecord): Conversation {
    const conversation = new Conversation(record.id, record.atMs);
    conversation.system.value = record.system;
    conversation.parameters.value = { ...noParameters, ...record.parameters };
    conversation.models.value = record.models;
    conversation.turns.value = record.turns.map(({ text, answers }) => ({
      asked: { text, images: [] },
      answers: answers.map((answer) => Answer.from(answer)),
    }));
    return conversation;
  }

  record(): ConversationRecord {
    const turns = this.turns.peek();
    return {
      id: this.id,
      atMs: this.atMs,
      title: turns[0]?.asked.text.slice(0, TITLE_LENGTH) ?? "",
      system: this.system.peek(),
      parameters: this.parameters.peek(),
      models: [...this.models.peek()],
      turns: turns.map(({ asked, answers }) => ({
        text: asked.text,
        images: asked.images.length,
        answers: answers.map((answer) => answer.record()),
      })),
    };
  }

  /** Asks every chosen model; resolves once all their answers are over. */
  async ask(asked: UserMessage, apiToken: string): Promise<void> {
    const answers = this.models.peek().map((model, column) =>
      new Answer(model, this.#body(model, column, asked))
    );
    this.turns.value = [...this.turns.peek(), { asked, answers }];
    await Promise.all(answers.map((answer) => answer.run(apiToken)));
  }

  /** Asks the last question again. */
  async again(apiToken: string): Promise<void> {
    const last = this.turns.peek().at(-1);
    if (!last) return;
    this.turns.value = this.turns.peek().slice(0, -1);
    await this.ask(last.asked, apiToken);
  }

  stop(): void {
    for (const answer of this.turns.peek().at(-1)?.answers ?? []) answer.stop();
  }

  /** The body of the next call, or of the last one where nothing new is asked: for those who want the code. */
  #body(model: string, column: number, asked: UserMessage) {
    const before = this.turns.peek().map((turn) => ({
      asked: turn.asked,
      // A conversation that was not compared from its start has one answer to go on from.
      answered: (turn.answers[column] ?? turn.answers[0])?.text.peek() ?? null,
    }));
    const exchanges = [...before, { asked, answered: null }];
    return chatBody(model, this.system.peek(), exchanges, this.parameters.peek());
  }

  /** What its last call was, or a first call would be. */
  lastBody(example: string) {
    const last = this.turns.value.at(-1)?.answers[0]?.request;
    const [model = ""] = this.models.value;
    return last ?? chatBody(
      model,
      this.system.value,
      [{ asked: { text: example, images: [] }, answered: null }],
      this.parameters.value,
    );
  }
}
