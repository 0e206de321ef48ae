//! Editing: the text, and where others are in it.

import { useEffect, useRef, useState } from 'preact/hooks';

import { tintOf } from '../../parts/avatar';
import { displayName } from '../../store/settings';
import { useValue } from '../../store/store';
import { shifted } from './operation';

import type { Pane, Playground } from '../../playground';
import type { Cursor, Page } from './editing';

export function EditingView({ pane, playground }: { pane: Pane; playground: Playground }) {
  const { editing, name } = pane;
  const page = useValue(editing.page);
  const cursors = useValue(editing.cursors);
  const [a, b] = useValue(playground.panes);
  const users = { a: a.peer.user, b: b.peer.user };
  const area = useTextArea(pane);
  const [scrollTop, setScrollTop] = useState(0);
  return (
    <div class="editor">
      <div class="editor-bar">
        <span class={`sync ${page.isSynced ? 'is-synced' : ''}`} data-testid="sync">
          {page.isSynced ? 'in sync' : 'on its way…'}
        </span>
        <span>revision {page.revision}</span>
        <span class="spring" />
        {cursors.map(({ user }) => (
          <span key={user} class={`writer ${tintOf(user, users)}`}>
            {displayName(user)} is here
          </span>
        ))}
      </div>
      <div class="sheet">
        <div class="ghosts" aria-hidden="true">
          <div class="ghosts-text" style={{ transform: `translateY(${-scrollTop}px)` }}>
            <Ghosts text={page.text} cursors={cursors} users={users} />
          </div>
        </div>
        <textarea
          ref={area}
          aria-label={`Shared text, as ${name}`}
          spellcheck={false}
          data-testid="text"
          onInput={(event) => {
            editing.edit(event.currentTarget.value);
            tellCaret(pane, event.currentTarget);
          }}
          onSelect={(event) => tellCaret(pane, event.currentTarget)}
          onKeyUp={(event) => tellCaret(pane, event.currentTarget)}
          onClick={(event) => tellCaret(pane, event.currentTarget)}
          onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
        />
      </div>
    </div>
  );
}

/** Keeps the text area as the page is, and its caret on its character. */
function useTextArea({ editing }: Pane) {
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const show = ({ text, steps }: Page): void => {
      const { current } = area;
      if (!current || current.value === text) return;
      const { selectionStart, selectionEnd, selectionDirection, scrollTop } = current;
      current.value = text;
      // Setting the value of a field that has no focus must not move the focus there.
      current.setSelectionRange(
        shifted(selectionStart, steps),
        shifted(selectionEnd, steps),
        selectionDirection,
      );
      current.scrollTop = scrollTop;
    };
    show(editing.page.value);
    return editing.page.watch(() => show(editing.page.value));
  }, [editing]);
  return area;
}

function tellCaret({ editing }: Pane, area: HTMLTextAreaElement): void {
  const { selectionStart, selectionEnd, selectionDirection } = area;
  const isBackward = selectionDirection === 'backward';
  const position = isBackward ? selectionStart : selectionEnd;
  editing.moveCaret(position, isBackward ? selectionEnd : selectionStart);
}

/** The text once more, unseen, with carets and selections at their places. */
function Ghosts(properties: {
  text: string;
  cursors: readonly Cursor[];
  users: { a: string; b: string };
}) {
  const { text, cursors, users } = properties;
  return (
    <>
      {cursors.map(({ user, position, anchor }) => {
        const start = Math.min(position, anchor, text.length);
        const end = Math.min(Math.max(position, anchor), text.length);
        const caret = (
          <span class={`caret ${tintOf(user, users)}`} data-testid="caret">
            <span class="caret-name">{displayName(user)}</span>
          </span>
        );
        return (
          <div key={user} class="ghost">
            {text.slice(0, start)}
            {position <= anchor && caret}
            <mark class={tintOf(user, users)}>{text.slice(start, end)}</mark>
            {position > anchor && caret}
            {text.slice(end)}
          </div>
        );
      })}
    </>
  );
}
