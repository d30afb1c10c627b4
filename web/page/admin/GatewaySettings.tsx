/** Settings that can be changed while the gateway runs; the others come from its environment. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type {
  GatewayState,
  RegistrationMode,
  Setting,
  SettingsChange,
  SettingsView,
} from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Choices } from "../../part/Choice.tsx";
import { Facts } from "../../part/Facts.tsx";
import { ErrorNotice, Failure } from "../../part/Notice.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { useChanging } from "../../state/changing.ts";
import { instanceName, PRODUCT } from "../../state/instance.ts";
import { formatList, formatMoment, formatNumber, locale, messages } from "../../state/locale.ts";
import { manualPath } from "../../route.ts";
import { useSubmit } from "../../state/submit.ts";
import { buttonClass } from "../../part/button.ts";
import { serverNow } from "../../state/clock.ts";
import { has } from "../../state/words.ts";
import { texts as overview } from "../overview/texts.ts";
import { texts } from "./texts.ts";
import * as panelStyle from "../../part/panel.module.css";
import * as style from "./GatewaySettings.module.css";
import * as formStyle from "../../part/form.module.css";
import * as buttonStyle from "../../part/button.module.css";

const modes: readonly RegistrationMode[] = ["open", "invite", "closed"];
const answers = ["yes", "no"] as const;

export function GatewaySettings() {
  const { live } = useChanging("settings", api.settings);
  const changing = useSubmit();
  const { data, error } = live.value;
  const change: OnChange = (what, onDone) =>
    void changing.run(async () => {
      const changed = await api.changeSettings(what);
      instanceName.value = changed.name.value;
      const { data } = live.peek();
      if (data) live.value = { data: { ...data, ...changed }, atMs: Date.now(), error: null };
      onDone?.();
    });
  if (!data) return error ? <Failure error={error} /> : <Bones count={3} />;
  return (
    <section>
      <Failure error={error} />
      {changing.error.value && <ErrorNotice error={changing.error.value} />}
      <div class={panelStyle.rows}>
        <InstanceName setting={data.name} onChange={change} />
        <Registration setting={data.registration} onChange={change} />
        <DefaultRpm settings={data} onChange={change} />
        <Approval setting={data.node_approval} onChange={change} />
      </div>
      <State gateway={data.gateway} />
    </section>
  );
}

/** `onDone`: called once the gateway has changed it; what was typed stays until then. */
type OnChange = (change: SettingsChange, onDone?: () => void) => void;

interface InstanceNameProps {
  setting: Setting<string>;
  onChange: OnChange;
}

export function InstanceName({ setting, onChange }: InstanceNameProps) {
  const t = texts.value;
  const text = useSignal<string | null>(null);
  const save = (event: Event) => {
    event.preventDefault();
    const name = text.value?.trim();
    if (name !== undefined) onChange({ name: name || null }, () => text.value = null);
  };
  return (
    <Row title={t.instanceName} text={t.instanceNameText}>
      <form class={`${style.number} ${formStyle.field}`} onSubmit={save}>
        <input
          name="instance"
          maxLength={40}
          autocomplete="off"
          aria-label={t.instanceName}
          placeholder={PRODUCT}
          value={text.value ?? setting.value}
          onInput={(event) => text.value = event.currentTarget.value}
        />
        <button type="submit" class={buttonClass()}>{messages.value.save}</button>
      </form>
    </Row>
  );
}

/** What the configuration alone decides, and what became of it. */
function State(
  { gateway: { public_url, tls, backup, gateways, nodes } }: { gateway: GatewayState },
) {
  const t = texts.value;
  const versions = (counts: GatewayState["nodes"]) =>
    formatList(
      counts.map(({ version, count }) => t.versionCount(version ?? t.unknownVersion, count)),
    ) || "–";
  const rows: [string, string][] = [
    [t.publicUrl, public_url ?? t.noPublicUrl],
    [t.tls, tlsText(tls)],
    [
      t.backup,
      backup.last_at !== null
        ? formatMoment(backup.last_at)
        : backup.database === "postgres"
        ? t.postgresBackup
        : t.noBackup,
    ],
    [t.gatewayVersions, versions(gateways)],
    [t.nodeVersions, versions(nodes)],
  ];
  return (
    <div class={panelStyle.panel}>
      <div class={panelStyle.head}>
        <h2>{t.state}</h2>
        <a href={manualPath(locale.value, "configuration")}>{t.configuration}</a>
      </div>
      <Facts rows={rows} />
    </div>
  );
}

function tlsText(tls: GatewayState["tls"]): string {
  const t = texts.value;
  if (tls === null) return t.noTls;
  const { valid_until, trouble, cause } = tls;
  const when = valid_until === null ? null : formatMoment(valid_until);
  if (trouble !== null) {
    const { troubles } = overview.value;
    // A cause that this console has no words for, as of a newer gateway, is quoted.
    const why = cause && has(troubles, cause) ? troubles[cause] : trouble;
    const isValid = valid_until !== null && valid_until > serverNow();
    return when !== null && isValid ? t.tlsNotRenewed(when, why) : t.tlsTrouble(why);
  }
  return when === null ? t.noCertificate : t.tlsUntil(when);
}

interface RegistrationProps {
  setting: Setting<RegistrationMode>;
  onChange: OnChange;
}

function Registration({ setting, onChange }: RegistrationProps) {
  const t = texts.value;
  return (
    <Row
      title={t.registration}
      text={t.registrationText[setting.value]}
      origin={origin(setting, t.modes[setting.fallback])}
      onReset={setting.is_set ? () => onChange({ registration: null }) : undefined}
    >
      <Choices<RegistrationMode>
        label={t.registration}
        options={modes}
        chosen={setting.value}
        name={(one) => t.modes[one]}
        onChoose={(registration) => onChange({ registration })}
      />
    </Row>
  );
}

function DefaultRpm({ settings, onChange }: { settings: SettingsView; onChange: OnChange }) {
  const t = texts.value;
  const setting = settings.default_rpm;
  const text = useSignal<string | null>(null);
  const typed = text.value ?? String(setting.value);
  const isGood = /^\d+$/.test(typed);
  const save = (event: Event) => {
    event.preventDefault();
    if (isGood) onChange({ default_rpm: Number(typed) }, () => text.value = null);
  };
  return (
    <Row
      title={t.defaultRpm}
      text={t.defaultRpmText}
      origin={origin(setting, formatNumber(setting.fallback))}
      onReset={setting.is_set ? () => onChange({ default_rpm: null }) : undefined}
    >
      <form class={`${style.number} ${formStyle.field}`} onSubmit={save}>
        <input
          type="number"
          name="default_rpm"
          min="0"
          step="1"
          aria-label={t.defaultRpm}
          aria-invalid={!isGood}
          value={typed}
          onInput={(event) => text.value = event.currentTarget.value}
        />
        <button type="submit" class={buttonClass()} aria-disabled={!isGood}>
          {messages.value.save}
        </button>
      </form>
    </Row>
  );
}

function Approval({ setting, onChange }: { setting: Setting<boolean>; onChange: OnChange }) {
  const t = texts.value;
  return (
    <Row
      title={t.approval}
      text={t.approvalText}
      origin={origin(setting, t.answers[setting.fallback ? "yes" : "no"])}
      onReset={setting.is_set ? () => onChange({ node_approval: null }) : undefined}
    >
      <Choices
        label={t.approval}
        options={answers}
        chosen={setting.value ? "yes" : "no"}
        name={(one) => t.answers[one]}
        onChoose={(one) => onChange({ node_approval: one === "yes" })}
      />
    </Row>
  );
}

function origin({ is_set }: Setting<unknown>, fallback: string): string {
  const t = texts.value;
  return is_set ? t.setHere(fallback) : t.fromConfiguration;
}

interface RowProps {
  title: string;
  text: string;
  origin?: string;
  /** Absent when the setting is not changed here. */
  onReset?: (() => void) | undefined;
  children: ComponentChildren;
}

function Row({ title, text, origin, onReset, children }: RowProps) {
  return (
    <div class={style.row}>
      <div>
        <h2>{title}</h2>
        <p class="hint">{text}</p>
        {origin !== undefined && (
          <p class="hint">
            {origin} {onReset && (
              <button
                type="button"
                class={buttonStyle.link}
                aria-label={`${texts.value.reset}: ${title}`}
                onClick={onReset}
              >
                {texts.value.reset}
              </button>
            )}
          </p>
        )}
      </div>
      {children}
    </div>
  );
}
