//! Where and as whom a pane connects.

import { useEffect, useRef, useState } from 'preact/hooks';

import { defaultUrl, isUser } from '../store/settings';

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

  const field = (key: keyof typeof fields, label: string, hint = '') => {
    const common = {
      name: key,
      value: fields[key],
      autocomplete: 'off',
      spellcheck: false,
      onInput: (event: { currentTarget: HTMLInputElement }) =>
        setFields({ ...fields, [key]: event.currentTarget.value }),
    };
    return (
      <label class="field">
        <span>{label}</span>
        {key === 'passcode' ? (
          <input type="password" {...common} />
        ) : (
          <input type="text" {...common} />
        )}
        {hint && <small>{hint}</small>}
      </label>
    );
  };

  const submit = (event: Event): void => {
    event.preventDefault();
    const { url, vhost, login, passcode, user } = fields;
    if (!/^wss?:\/\/./.test(url)) {
      setComplaint('The address begins with ws:// or wss://.');
    } else if (!isUser(user)) {
      setComplaint('A user is 1 to 64 letters, digits, “_” or “-”: it is a word of a routing key.');
    } else if (user === other.user) {
      setComplaint(`The other pane is “${user}” already.`);
    } else {
      onClose();
      void playground.apply(side, { login, passcode, user }, { url, vhost });
    }
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
          <button
            type="button"
            class="button quiet"
            onClick={() =>
              setFields({
                ...fields,
                url: defaultUrl(location.hostname),
                vhost: '/',
                login: 'guest',
                passcode: 'guest',
              })
            }
          >
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
