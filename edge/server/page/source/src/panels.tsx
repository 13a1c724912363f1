/** The views beside the conversation: packs, this machine, settings. */
import { useEffect, useState } from "preact/hooks";
import { Button, Choice } from "./controls";
import { startNew } from "./conversation";
import { forgetAll } from "./history";
import { readMetrics, type Metrics } from "./metrics";
import { loadPacks, packs } from "./packs";
import { getHealth, getMetrics } from "./server";
import { change, settings, type Settings } from "./settings";
import type { Health, InstalledPack } from "./shapes";
import { useStore } from "./store";
import { formatBytes, formatNumber, LANGUAGES, say, type Word } from "./words";

const REFRESH_MS = 5000;
const NAMES: Record<string, string> = { en: "English", de: "Deutsch" };

export function PacksView() {
  const { packs: installed, problems } = useStore(packs);
  useEffect(() => void loadPacks().catch(() => undefined), []);
  return (
    <div class="panel">
      <h1>{say("packs.title")}</h1>
      <p class="lead">{say("packs.hint")}</p>
      {installed.length === 0 && <p class="notice">{say("start.no_packs")}</p>}
      <ul class="pack-list">
        {installed.map((pack) => (
          <li key={pack.name} class="pack">
            <PackCard pack={pack} />
          </li>
        ))}
      </ul>
      {problems.length > 0 && (
        <>
          <h2 class="section-title">{say("packs.problems")}</h2>
          {problems.map((problem) => (
            <div key={problem.name} class="failure">
              <h3>{problem.name}</h3>
              <p>{problem.detail}</p>
              <p class="hint">{problem.hint}</p>
            </div>
          ))}
        </>
      )}
    </div>
  );
}

function PackCard({ pack }: { pack: InstalledPack }) {
  const facts: [Word, string][] = [
    ["packs.version", pack.version],
    ["packs.size", formatBytes(pack.size)],
    ["packs.signed", say(pack.signed ? "packs.is_signed" : "packs.not_signed")],
    ...(pack.previous ? [["packs.previous", pack.previous] as [Word, string]] : []),
    ["packs.place", say(`packs.place.${pack.place}` as Word)],
    ["packs.digest", pack.digest.slice(0, 16)],
  ];
  return (
    <>
      <h2>{pack.title}</h2>
      <p class="code">{pack.name}</p>
      <dl class="facts">
        {facts.map(([word, value]) => (
          <div key={word}>
            <dt>{say(word)}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

export function MachineView() {
  const [health, setHealth] = useState<Health | null>(null);
  const [metrics, setMetrics] = useState<Metrics | null>(null);
  const [gone, setGone] = useState(false);
  useEffect(() => {
    const refresh = async () => {
      try {
        const [now, text] = await Promise.all([getHealth(), getMetrics()]);
        setHealth(now);
        setMetrics(readMetrics(text));
        setGone(false);
      } catch {
        setGone(true);
      }
    };
    void refresh();
    const timer = setInterval(() => void refresh(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <div class="panel">
      <h1>{say("machine.title")}</h1>
      {gone && <p class="notice">{say("error.unreachable")}</p>}
      {health && metrics && (
        <>
          <p class={`state-line ${health.status}`}>{say(health.status === "ok" ? "machine.ok" : "machine.degraded")}</p>
          <dl class="facts large">
            <Fact word="machine.version" value={health.version} />
            <Fact
              word="machine.engine"
              value={health.engine === "extractive" ? say("machine.engine.extractive") : health.engine}
            />
            <Fact word="machine.packs" value={String(health.packs)} />
            <Fact word="machine.running" value={formatAge(metrics.upSeconds)} />
            <Fact word="machine.busy" value={formatNumber(metrics.busy)} />
            {metrics.written > 0 && <Fact word="machine.tokens" value={formatNumber(metrics.written)} />}
            {metrics.reusedShare !== null && (
              <Fact word="machine.reused" value={`${formatNumber(metrics.reusedShare * 100)} %`} />
            )}
          </dl>
          <h2 class="section-title">{say("machine.answers")}</h2>
          {metrics.answers.length === 0 ? (
            <p class="hint">{say("machine.no_answers")}</p>
          ) : (
            <Bars bars={metrics.answers.map(([mode, count]) => [say(`mode.name.${mode}` as Word), count])} />
          )}
          {metrics.evidence.some(([, count]) => count > 0) && (
            <>
              <h2 class="section-title">{say("machine.evidence")}</h2>
              <p class="hint">{say("machine.evidence_hint")}</p>
              <Bars bars={metrics.evidence} />
            </>
          )}
        </>
      )}
    </div>
  );
}

function Fact({ word, value }: { word: Word; value: string }) {
  return (
    <div>
      <dt>{say(word)}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Bars({ bars }: { bars: [string, number][] }) {
  const most = Math.max(1, ...bars.map(([, count]) => count));
  return (
    <table class="bars">
      <tbody>
        {bars.map(([name, count]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              <span class="bar" style={{ width: `${(count / most) * 100}%` }} />
            </td>
            <td class="bar-count">{formatNumber(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function formatAge(seconds: number): string {
  if (seconds >= 86400) return say("time.day", { count: formatNumber(Math.floor(seconds / 86400)) });
  if (seconds >= 3600) return say("time.hour", { count: formatNumber(Math.floor(seconds / 3600)) });
  return say("time.minute", { count: formatNumber(Math.floor(seconds / 60)) });
}

export function SettingsView() {
  const { theme, text, motion, language } = useStore(settings);
  const [forgotten, setForgotten] = useState(false);
  const list = <K extends "theme" | "text" | "motion">(key: K, values: Settings[K][]) =>
    values.map((value) => ({ value, label: say(`settings.${key}.${value}` as Word) }));
  return (
    <div class="panel">
      <h1>{say("settings.title")}</h1>
      <p class="lead">{say("settings.hint")}</p>
      <Choice
        label={say("settings.theme")}
        value={theme}
        options={list("theme", ["auto", "light", "dark", "contrast"])}
        onChange={(value) => change({ theme: value })}
      />
      <Choice
        label={say("settings.text")}
        value={text}
        options={list("text", ["normal", "large", "huge"])}
        onChange={(value) => change({ text: value })}
      />
      <Choice
        label={say("settings.motion")}
        value={motion}
        options={list("motion", ["auto", "less"])}
        onChange={(value) => change({ motion: value })}
      />
      <Choice
        label={say("settings.language")}
        value={language}
        options={[
          { value: "auto", label: say("settings.language.auto") },
          ...LANGUAGES.map((code) => ({ value: code, label: NAMES[code] ?? code })),
        ]}
        onChange={(value) => change({ language: value })}
      />
      <h2 class="section-title">{say("history")}</h2>
      <p class="hint">{say("settings.forget_hint")}</p>
      <Button
        icon="trash"
        label={say("settings.forget")}
        onClick={() => {
          void forgetAll();
          startNew();
          setForgotten(true);
        }}
      />
      {forgotten && <p role="status">{say("settings.forgotten")}</p>}
    </div>
  );
}
