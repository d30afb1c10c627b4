/** A highlighted message. */

import type { ComponentChildren } from "preact";
import type { FieldProblem } from "../../api/mod.ts";
import { ApiError } from "../api.ts";
import { serverNow } from "../state/clock.ts";
import { manualPath } from "../route.ts";
import { locale, messages } from "../state/locale.ts";
import { has } from "../state/words.ts";
import { CopyButton } from "./CopyButton.tsx";
import { Icon, type IconName } from "./Icon.tsx";
import { buttonClass } from "./button.ts";
import * as style from "./Notice.module.css";

type Tone = "info" | "good" | "warning" | "bad";

const icons: Readonly<Record<Tone, IconName>> = {
  info: "info",
  good: "check",
  warning: "warning",
  bad: "warning",
};

/** Announced by screen readers when it appears: at once for a failure, otherwise when they are idle. */
export function Notice({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <div class={style.notice} data-tone={tone} role={tone === "bad" ? "alert" : "status"}>
      <Icon name={icons[tone]} />
      <div>{children}</div>
    </div>
  );
}

interface ErrorProps {
  error: ApiError;
  /** Members of the request whose problems are shown beside their fields; default: none. */
  fields?: readonly string[] | undefined;
  retry?: (() => void) | undefined;
}

/** An error of the gateway in the chosen language, with its code, and what of the request was refused. */
export function ErrorNotice({ error, fields, retry }: ErrorProps) {
  return (
    <Notice tone="bad">
      {errorText(error)} <Code code={error.code} /> <Refused error={error} fields={fields} />
      {isForOperator(error) && (
        <CopyButton text={details(error)} label={messages.value.errorDetails} />
      )}
      {retry && (
        <button type="button" class={`${buttonClass("quiet")} ${style.retry}`} onClick={retry}>
          {messages.value.tryAgain}
        </button>
      )}
    </Notice>
  );
}

/** What the code alone does not say: which values are wrong, and why. */
function Refused({ error, fields = [] }: Pick<ErrorProps, "error" | "fields">) {
  if (error.fields.length === 0) {
    return error.code === "invalid_request" ? <p lang="en">{error.message}</p> : null;
  }
  return (
    <ul>
      {unplaced(error, fields).map((problem) => (
        <li key={problem.param}>
          {problem.param !== "" && <code>{problem.param}</code>} {problemText(problem)}
        </li>
      ))}
    </ul>
  );
}

interface FormFailureProps {
  error: ApiError | null;
  /** Members of the request whose problems are shown beside their fields. */
  fields: readonly string[];
}

/** Why a form was refused; nothing where all of it stands beside the fields. */
export function FormFailure({ error, fields }: FormFailureProps) {
  if (error === null) return null;
  if (error.fields.length > 0 && unplaced(error, fields).length === 0) return null;
  return <ErrorNotice error={error} fields={fields} />;
}

function unplaced(error: ApiError, fields: readonly string[]): FieldProblem[] {
  return error.fields.filter(({ param }) => !fields.includes(param));
}

/** With a link to the manual's entry where the code is one of the gateway's. */
function Code({ code }: { code: string }) {
  const shown = <code class={style.code}>{code}</code>;
  if (!has(messages.value.errors, code) || ownCodes.has(code)) return shown;
  return <a href={manualPath(locale.value, `errors#${code}`)} target="_blank">{shown}</a>;
}

/** Codes that the console gives by itself. */
const ownCodes: ReadonlySet<string> = new Set([
  "needs_https",
  "unknown",
  "unreachable",
  "stream_lost",
]);

interface FailureProps {
  error: ApiError | null;
  /** For data that is not polled. */
  retry?: (() => void) | undefined;
}

/** The error of a page's data; nothing while the gateway is unreachable, which the banner already says. */
export function Failure({ error, retry }: FailureProps) {
  return error && error.code !== "unreachable" ? <ErrorNotice error={error} retry={retry} /> : null;
}

/** Whether the gateway's operator needs the details. */
function isForOperator({ status, code }: ApiError): boolean {
  return status >= 500 || code === "unknown";
}

function details({ code, status, message, requestId }: ApiError): string {
  const at = new Date(serverNow()).toISOString();
  return JSON.stringify({ code, status, message, requestId, page: location.pathname, at }, null, 2);
}

/** The text of the code where the console has one, otherwise the gateway's message. */
export function errorText(error: ApiError): string {
  const { errors, retryAfter } = messages.value;
  const text = has(errors, error.code) ? errors[error.code] : error.message;
  return error.retryAfterS === null ? text : retryAfter(text, error.retryAfterS);
}

/** The gateway's problem with one field of a form, in the chosen language; undefined: none. */
export function fieldProblem(error: ApiError | null, name: string): string | undefined {
  const problem = error?.fields.find(({ param }) => param === name);
  return problem && problemText(problem);
}

function problemText({ code, message, limit, names = [] }: FieldProblem): string {
  const { fieldFaults } = messages.value;
  const words = has(fieldFaults, code) ? fieldFaults[code] : message;
  return typeof words === "string" ? words : words(limit ?? 0, names.join(" → "));
}
