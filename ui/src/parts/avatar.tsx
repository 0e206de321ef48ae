//! A user's sign: the initial, in the user's colour.

/** Colours besides those of the two panes, for users from elsewhere. */
const OTHERS = 4;

/** `a` and `b` are the panes' users; others get one of a few colours, always the same. */
export function tintOf(user: string, panes: { a: string; b: string }): string {
  if (user === panes.a) return 'tint-a';
  if (user === panes.b) return 'tint-b';
  const sum = [...user].reduce((total, letter) => total + (letter.codePointAt(0) ?? 0), 0);
  return `tint-${sum % OTHERS}`;
}

/** The avatar. The name stands beside it, so it is silent. */
export function Avatar({ name, tint, dot }: { name: string; tint: string; dot?: string }) {
  return (
    <span class={`avatar ${tint}`} aria-hidden="true">
      {name.charAt(0).toUpperCase()}
      {dot && <span class={`avatar-dot ${dot}`} />}
    </span>
  );
}
