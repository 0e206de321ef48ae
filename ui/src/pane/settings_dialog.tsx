//! Where and as whom a pane connects.

import { useEffect, useRef, useState } from 'preact/hooks';

import { defaults, isUser } from '../store/settings';

import type { PeerSettings } from '../peer/peer';
import type { Pane, Playground } from '../playground';

export function SettingsDialog(properties: {
  playground: Playground;
  pane: Pane;
  onClose: () => void;
}) {
  const { playground, pane, onClose } = properties;
  const { peer, name, side, other } = pane;
  const dialog = useRef<HTMLDialogElement>(null);
  const [fields, setFields] = useState(peer.settings);
  const [complaint, setComplaint] = useState('');
  useEffect(() => dialog.current?.showModal(), []);

  const field = (name: keyof PeerSettings, label: string, hint = '') => (
    <Field
      name={name}
      label={label}
      hint={hint}
      value={fields[name]}
      onInput={(value) => setFields({ ...fields, [name]: value })}
    />
  );

  const submit = (event: Event): void => {
    event.preventDefault();
    const found = complaintAbout(fields, other.user);
    setComplaint(found);
    if (found) return;
    const { url, vhost, login, passcode, user } = fields;
    onClose();
    void playground.apply(side, { login, passcode, user }, { url, vhost });
  };
  const reset = (): void => {
    const { url, vhost, panes } = defaults(location.hostname);
    const { login, passcode } = panes[0];
    setFields({ ...fields, url, vhost, login, passcode });
  };

  return (
    <dialog class={`dialog pane-${side}`} ref={dialog} onClose={onClose} aria-labelledby="settings">
      <form onSubmit={submit}>
        <h3 id="settings">How {name} connects</h3>
        {field('url', 'Broker’s WebSocket', 'Both panes use it.')}
        <div class="field-row">
          {field('login', 'Login')}
          {field('passcode', 'Passcode')}
        </div>
        <div class="field-row">
          {field('vhost', 'Virtual host')}
          {field('user', 'User of the application')}
        </div>
        {complaint && (
          <p class="complaint" role="alert">
            {complaint}
          </p>
        )}
        <div class="dialog-buttons">
          <button type="button" class="button quiet" onClick={reset}>
            Defaults
          </button>
          <span class="spring" />
          <button type="button" class="button quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary">
            Connect
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** What is wrong with the settings; nothing if they can be tried. */
function complaintAbout({ url, user }: PeerSettings, other: string): string {
  if (!/^wss?:\/\/./.test(url)) return 'The address begins with ws:// or wss://.';
  if (!isUser(user)) {
    return 'A user is 1 to 64 letters, digits, “_” or “-”: it is a word of a routing key.';
  }
  return user === other ? `The other pane is “${other}” already.` : '';
}

function Field(properties: {
  name: keyof PeerSettings;
  label: string;
  hint: string;
  value: string;
  onInput: (value: string) => void;
}) {
  const { name, label, hint, value, onInput } = properties;
  const common = {
    name,
    value,
    autocomplete: 'off',
    spellcheck: false,
    onInput: (event: { currentTarget: HTMLInputElement }) => onInput(event.currentTarget.value),
  };
  return (
    <label class="field">
      <span>{label}</span>
      {name === 'passcode' ? (
        <input type="password" {...common} />
      ) : (
        <input type="text" {...common} />
      )}
      {hint && <small>{hint}</small>}
    </label>
  );
}
