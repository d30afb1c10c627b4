/** A conversation with one model, or with two side by side. */

import { signal } from "@preact/signals";
import { Answer, type AnswerRecord, newId } from "./answer.ts";
import { chatBody, noParameters, type Parameters, type UserMessage } from "./chat_request.ts";

/** A question and the models' answers, by column. */
export interface Turn {
  asked: UserMessage;
  answers: readonly Answer[];
}

interface TurnRecord {
  text: string;
  /** Number of pictures, which themselves are not stored: browsers grant a site little storage. */
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

/** Length of a title, which is the beginning of the first question. */
const TITLE_LENGTH = 60;

export class Conversation {
  readonly id: string;
  readonly atMs: number;
  readonly turns = signal<readonly Turn[]>([]);
  readonly system = signal("");
  readonly parameters = signal<Parameters>(noParameters);
  /** One model, or two to compare. The first is empty until a model is known. */
  readonly models = signal<readonly string[]>([""]);

  constructor(id: string = newId(), atMs: number = Date.now()) {
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

  /** Asks every chosen model; resolves once all answers have ended. */
  async ask(asked: UserMessage, apiToken: string): Promise<void> {
    const answers = this.models.peek().map((model, column) =>
      new Answer(model, this.#body(model, column, asked))
    );
    this.turns.value = [...this.turns.peek(), { asked, answers }];
    await Promise.all(answers.map((answer) => answer.run(apiToken)));
  }

  /** Goes on with answers that were not complete when the conversation was stored. */
  async resume(apiToken: string): Promise<void> {
    const answers = this.turns.peek().at(-1)?.answers ?? [];
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

  #body(model: string, column: number, asked: UserMessage) {
    const before = this.turns.peek().map((turn) => ({
      asked: turn.asked,
      // Turns before the comparison started have only one answer.
      answered: (turn.answers[column] ?? turn.answers[0])?.text.peek() ?? null,
    }));
    const exchanges = [...before, { asked, answered: null }];
    return chatBody(model, this.system.peek(), exchanges, this.parameters.peek());
  }

  /** The body of the last call, or of a first call with `example` as the question. */
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
