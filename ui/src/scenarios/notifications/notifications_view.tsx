//! Notifications: send one of four kinds, and the inbox.

import { useState } from 'preact/hooks';

import { Ago } from '../../parts/ago';
import { Icon } from '../../parts/icons';
import { Segmented } from '../../parts/segmented';
import { useValue } from '../../store/store';
import { LEVELS } from './notifications';

import type { Pane } from '../../playground';
import type { Level, Notification, Notifications } from './notifications';

/** What is sent where the user wrote nothing. */
const SAMPLES: Record<Level, readonly [title: string, text: string]> = {
  info: ['Maintenance tonight', 'The shop pauses from 2:00 to 2:15.'],
  success: ['Order shipped', 'Order 1042 is on its way.'],
  warning: ['Storage almost full', '92 % of 10 GB are in use.'],
  error: ['Payment failed', 'The card for order 1043 was declined.'],
};

export function NotificationsView({ pane }: { pane: Pane }) {
  return (
    <>
      <Composer pane={pane} />
      <Inbox notifications={pane.notifications} />
    </>
  );
}

function Composer({ pane }: { pane: Pane }) {
  const { side, other, notifications } = pane;
  const [to, setTo] = useState<'one' | 'all'>('one');
  const [text, setText] = useState('');
  const send = (level: Level): void => {
    const [title, sample] = SAMPLES[level];
    const words: readonly [string, string] = text.trim() ? [text.trim(), ''] : [title, sample];
    notifications.send(to === 'one' ? other.user : 'everybody', level, ...words).catch(() => {});
    setText('');
  };
  return (
    <div class="composer">
      <div class="composer-row">
        <Segmented
          name={`notify-${side}`}
          label="To whom"
          options={[
            { value: 'one', label: `To ${other.name}` },
            { value: 'all', label: 'To everybody' },
          ]}
          value={to}
          onChange={setTo}
        />
        <input
          type="text"
          placeholder="Your words, or none for a sample"
          aria-label="Text of the notification"
          maxLength={200}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <div class="levels" role="group" aria-label="Send as">
        {LEVELS.map((level) => (
          <button
            key={level}
            type="button"
            class={`level level-${level}`}
            onClick={() => send(level)}
            data-testid={`notify-${level}`}
          >
            <Icon name={level} size={17} />
            {level}
          </button>
        ))}
      </div>
    </div>
  );
}

function Inbox({ notifications }: { notifications: Notifications }) {
  const items = useValue(notifications.items);
  const unread = items.filter(({ isRead }) => !isRead).length;
  return (
    <div class="inbox">
      <div class="list-head">
        <h3>Inbox {unread > 0 && <span class="badge">{unread}</span>}</h3>
        {unread > 0 && (
          <button type="button" class="link" onClick={() => notifications.readAll()}>
            Mark all read
          </button>
        )}
      </div>
      {items.length === 0 ? (
        <p class="empty">Nothing yet. Send one from the other pane, or from a back end below.</p>
      ) : (
        <ul class="notes" aria-live="polite">
          {items.map((item) => (
            <Item key={item.id} item={item} onRead={() => notifications.read(item.id)} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Item({ item, onRead }: { item: Notification; onRead: () => void }) {
  const { level, title, text, link, time, isForAll, isRead } = item;
  return (
    <li class={`note level-${level} ${isRead ? 'is-read' : ''}`} data-testid="notification">
      <Icon name={level} size={20} />
      <div class="note-words">
        <p class="note-title">
          <span class="sr-only">{level}: </span>
          {title}
        </p>
        {text && <p>{text}</p>}
        {link && (
          <a href={link} target="_blank" rel="noreferrer noopener">
            {link}
          </a>
        )}
        <p class="note-about">
          <Ago time={time} />
          {isForAll && <span> · to everybody</span>}
        </p>
      </div>
      {!isRead && (
        <button
          type="button"
          class="tool"
          onClick={onRead}
          aria-label="Mark read"
          title="Mark read"
        >
          <Icon name="check" size={16} />
        </button>
      )}
    </li>
  );
}
