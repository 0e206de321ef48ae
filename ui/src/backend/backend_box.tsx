//! "Send from a back end": code to copy, and a button that does the same.

import { useState } from 'preact/hooks';

import { publish } from '../broker/management';
import { envelope } from '../broker/scenario';
import { Icon } from '../parts/icons';
import { Segmented } from '../parts/segmented';
import { useValue } from '../store/store';
import { highlight } from './highlight';
import { LANGUAGES, requirement, sampleOf, snippet } from './snippets';

import type { Playground } from '../playground';
import type { Language, Sample } from './snippets';

/** What became of a message sent from here. */
type Sent = { kind: 'none' } | { kind: 'routed' } | { kind: 'failed'; why: string };

export function BackendBox({ playground }: { playground: Playground }) {
  const scenario = useValue(playground.scenario);
  const { addressing } = useValue(playground.declared);
  const settings = useValue(playground.settings);
  const [language, setLanguage] = useState<Language>('PHP');
  const { login, user } = settings.panes[0];
  const sample = sampleOf(scenario, addressing, user);
  const host = hostOf(settings.url);
  const target = { host, origin: location.origin, vhost: settings.vhost, login };
  const code = snippet(language, sample, target);
  const needs = requirement(language);
  return (
    <section class="backend" aria-labelledby="backend-title">
      <div class="backend-words">
        <h2 id="backend-title">Send from a back end</h2>
        <p>
          The panes are browsers. In real life the message comes from your application: copy this,
          run it, and watch it arrive above.
        </p>
        <dl class="backend-address">
          <div>
            <dt>exchange</dt>
            <dd>{sample.exchange}</dd>
          </div>
          <div>
            <dt>key</dt>
            <dd>{sample.key}</dd>
          </div>
        </dl>
        <SendNow key={`${scenario} ${addressing}`} playground={playground} sample={sample} />
      </div>
      <div class="code">
        <div class="code-head">
          <Segmented
            name="language"
            label="Language"
            options={LANGUAGES.map((value) => ({ value, label: value }))}
            value={language}
            onChange={setLanguage}
          />
          {needs && <code class="code-needs">{needs}</code>}
          <Copy key={code} text={code} />
        </div>
        <pre tabIndex={0} aria-label={`${language} code`}>
          <code>
            {highlight(code).map(({ text, kind }) =>
              kind ? <span class={`code-${kind}`}>{text}</span> : text,
            )}
          </code>
        </pre>
      </div>
    </section>
  );
}

function SendNow({ playground, sample }: { playground: Playground; sample: Sample }) {
  const { panes, vhost } = useValue(playground.settings);
  const [sent, setSent] = useState<Sent>({ kind: 'none' });
  const send = async (): Promise<void> => {
    const { type, ...fields } = sample.body;
    try {
      const { exchange, key } = sample;
      const isRouted = await publish(vhost, panes[0], exchange, key, envelope(type, fields));
      const why = 'the broker took it, but nobody listens on this key';
      setSent(isRouted ? { kind: 'routed' } : { kind: 'failed', why });
    } catch (error) {
      setSent({ kind: 'failed', why: error instanceof Error ? error.message : String(error) });
    }
  };
  return (
    <div class="send-now">
      <button type="button" class="button primary" onClick={() => void send()}>
        <Icon name="server" size={16} /> Send it from here
      </button>
      <p role="status">
        {sent.kind === 'routed' && 'Sent over HTTP, and delivered.'}
        {sent.kind === 'failed' && `Not delivered: ${sent.why}.`}
      </p>
    </div>
  );
}

function Copy({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await toClipboard(text);
    setCopied(true);
  };
  return (
    <button type="button" class="button small quiet copy" onClick={() => void copy()}>
      <Icon name={isCopied ? 'check' : 'copy'} size={15} />
      <span role="status">{isCopied ? 'Copied' : 'Copy'}</span>
    </button>
  );
}

/** Pages over http from another machine have no clipboard; they still can select and copy. */
async function toClipboard(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

function hostOf(url: string): string {
  try {
    return new URL(url).hostname;
  } catch {
    return 'localhost';
  }
}
