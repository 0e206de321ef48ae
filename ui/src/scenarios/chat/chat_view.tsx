//! Chat: the room and the direct line.

import { useEffect, useRef, useState } from 'preact/hooks';

import { displayName } from '../../store/settings';
import { Avatar } from '../../parts/avatar';
import { Icon } from '../../parts/icons';
import { Segmented } from '../../parts/segmented';
import { useValue } from '../../store/store';

import type { Pane } from '../../playground';
import type { ChatMessage, Line } from './chat';

const LENGTH_MAX = 2000;

export function ChatView({ pane }: { pane: Pane }) {
  const { chat, side, other } = pane;
  const [line, setLine] = useState<Line>('lobby');
  const unread = useValue(chat.unread);
  useEffect(() => chat.readAll(), [unread]);
  return (
    <div class="chat">
      <Segmented
        name={`line-${side}`}
        label="Conversation"
        options={[
          { value: 'lobby', label: '# lobby' },
          { value: 'direct', label: `@ ${other.name}` },
        ]}
        value={line}
        onChange={setLine}
      />
      <Talk pane={pane} line={line} />
      <Composer key={line} pane={pane} line={line} />
    </div>
  );
}

function Talk({ pane, line }: { pane: Pane; line: Line }) {
  const { chat, peer, other } = pane;
  const messages = useValue(chat.messages).filter((message) => message.line === line);
  const typing = [...useValue(chat.typing)]
    .filter((who) => who.startsWith(`${line} `))
    .map((who) => displayName(who.slice(line.length + 1)));
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [messages.length, typing.length]);
  return (
    <ol class="talk" ref={list} aria-live="polite" tabIndex={0} aria-label="Conversation">
      {messages.length === 0 && typing.length === 0 && (
        <li class="empty">
          {line === 'lobby'
            ? 'Everybody reads what is said here.'
            : `Only ${other.name} reads this.`}
        </li>
      )}
      {messages.map((message, index) => (
        <Bubble
          key={message.id}
          message={message}
          pane={pane}
          isOwn={message.from === peer.user}
          isFirst={messages[index - 1]?.from !== message.from}
        />
      ))}
      {typing.length > 0 && (
        <li class="typing" data-testid="typing">
          <span class="typing-dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {typing.join(', ')} {typing.length > 1 ? 'are' : 'is'} typing
        </li>
      )}
    </ol>
  );
}

function Bubble(properties: {
  message: ChatMessage;
  pane: Pane;
  isOwn: boolean;
  isFirst: boolean;
}) {
  const { message, pane, isOwn, isFirst } = properties;
  const { from, text, time, state } = message;
  const isOther = from === pane.other.user;
  const otherTint = pane.side === 'a' ? 'tint-b' : 'tint-a';
  const tint = isOwn ? `tint-${pane.side}` : isOther ? otherTint : 'tint-0';
  const at = new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return (
    <li class={`bubble ${isOwn ? 'is-own' : ''} ${isFirst ? 'is-first' : ''} ${tint}`}>
      {isFirst && !isOwn && <Avatar name={displayName(from)} tint={tint} />}
      <div class="bubble-body" data-testid="message">
        <span class="sr-only">{displayName(from)}: </span>
        {text}
        <span class="bubble-about">
          {at}
          {isOwn && <Delivery state={state} />}
        </span>
      </div>
    </li>
  );
}

function Delivery({ state }: { state: ChatMessage['state'] }) {
  switch (state) {
    case 'sending':
      return <span title="waits for its receipt"> · waiting</span>;
    case 'failed':
      return <span title="refused by the broker"> · not sent</span>;
    case 'sent':
      return (
        <span title="the broker has it">
          <Icon name="check" size={12} />
          <span class="sr-only">sent</span>
        </span>
      );
  }
}

function Composer({ pane, line }: { pane: Pane; line: Line }) {
  const { chat, other } = pane;
  const [text, setText] = useState('');
  const change = (value: string): void => {
    setText(value);
    chat.type(line, value !== '');
  };
  const say = (event: Event): void => {
    event.preventDefault();
    if (!text.trim()) return;
    void chat.say(line, text.trim());
    setText('');
  };
  const to = line === 'lobby' ? 'the lobby' : other.name;
  return (
    <form class="say" onSubmit={say}>
      <input
        type="text"
        placeholder={`Write to ${to}`}
        aria-label={`Write to ${to}`}
        maxLength={LENGTH_MAX}
        value={text}
        autocomplete="off"
        onInput={(event) => change(event.currentTarget.value)}
      />
      <button type="submit" class="button primary" disabled={!text.trim()} aria-label="Send">
        <Icon name="send" size={18} />
      </button>
    </form>
  );
}
