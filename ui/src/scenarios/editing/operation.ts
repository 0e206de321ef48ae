//! Steps of text editing and how they bend around each other. Pure.

/** Puts `text` before the character at `position`, counted in UTF-16 code units. */
export interface Insert {
  readonly kind: 'insert';
  readonly position: number;
  readonly text: string;
}

/** Takes `length` code units away, from `position` on. */
export interface Delete {
  readonly kind: 'delete';
  readonly position: number;
  readonly length: number;
}

/** One change of a text. */
export type Step = Insert | Delete;

/** The text after the steps, each made on what the one before it left. */
export function apply(text: string, steps: readonly Step[]): string {
  for (const step of steps) {
    const tail = step.kind === 'insert' ? step.position : step.position + step.length;
    const middle = step.kind === 'insert' ? step.text : '';
    text = text.slice(0, step.position) + middle + text.slice(tail);
  }
  return text;
}

/**
 * Two runs of steps made on the same text at the same time. Gives `mine` as it must be applied
 * after `first`, and `first` as it must be applied after `mine`; either way the texts are equal.
 *
 * `first` came earlier in the broker's order: where both insert at one place, its text is left.
 */
export function cross(mine: readonly Step[], first: readonly Step[]): [Step[], Step[]] {
  const [one, ...others] = mine;
  const [other, ...rest] = first;
  if (one === undefined || other === undefined) return [[...mine], [...first]];
  if (others.length > 0) {
    const [head, bent] = cross([one], first);
    const [tail, bentTwice] = cross(others, bent);
    return [[...head, ...tail], bentTwice];
  }
  if (rest.length > 0) {
    const [bent, head] = cross(mine, [other]);
    const [bentTwice, tail] = cross(bent, rest);
    return [bentTwice, [...head, ...tail]];
  }
  return [after(one, other, 'right'), after(other, one, 'left')];
}

/** Where a caret stands after the steps; text inserted exactly at the caret goes before it. */
export function shifted(position: number, steps: readonly Step[]): number {
  for (const step of steps) {
    if (step.kind === 'insert') {
      if (step.position <= position) position += step.text.length;
    } else {
      position -= Math.min(Math.max(position - step.position, 0), step.length);
    }
  }
  return position;
}

/** Where a caret stood before the steps; inside what they inserted, it stood where that begins. */
export function unshifted(position: number, steps: readonly Step[]): number {
  for (const step of steps.toReversed()) {
    if (step.kind === 'delete') {
      if (position > step.position) position += step.length;
    } else if (position > step.position) {
      position = Math.max(step.position, position - step.text.length);
    }
  }
  return position;
}

/** What turns `before` into `after`: at most one deletion, then at most one insertion. */
export function difference(before: string, after: string): Step[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head += 1;
  if (isHighSurrogate(before.charCodeAt(head - 1))) head -= 1;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  if (isLowSurrogate(before.charCodeAt(before.length - tail))) tail -= 1;
  const steps: Step[] = [];
  const length = before.length - tail - head;
  const text = after.slice(head, after.length - tail);
  if (length > 0) steps.push({ kind: 'delete', position: head, length });
  if (text.length > 0) steps.push({ kind: 'insert', position: head, text });
  return steps;
}

/** One step for two made one after the other, or nothing if they do not touch. */
export function merged(earlier: Step, later: Step): Step | undefined {
  if (earlier.kind === 'insert' && later.kind === 'insert') {
    if (later.position !== earlier.position + earlier.text.length) return undefined;
    return { ...earlier, text: earlier.text + later.text };
  }
  if (earlier.kind === 'delete' && later.kind === 'delete') {
    const isBackspace = later.position + later.length === earlier.position;
    if (!isBackspace && later.position !== earlier.position) return undefined;
    return { ...later, length: earlier.length + later.length };
  }
  return undefined;
}

/** Reads a step that somebody sent, made to fit a text of `length` code units. */
export function readStep(value: unknown, length: number): Step | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, position, text, length: count } = value as Record<string, unknown>;
  if (!isCount(position)) return undefined;
  const start = Math.min(position, length);
  if (kind === 'insert' && typeof text === 'string') return { kind, position: start, text };
  if (kind !== 'delete' || !isCount(count)) return undefined;
  return { kind, position: start, length: Math.min(count, length - start) };
}

/** `step` as it must be applied after `done`; `side` is where it stays when both insert there. */
function after(step: Step, done: Step, side: 'left' | 'right'): Step[] {
  if (step.kind === 'insert') {
    if (done.kind === 'delete') return [{ ...step, position: shifted(step.position, [done]) }];
    const staysLeft = step.position === done.position && side === 'left';
    return [staysLeft ? step : { ...step, position: shifted(step.position, [done]) }];
  }
  const end = step.position + step.length;
  if (done.kind === 'delete') {
    const position = shifted(step.position, [done]);
    return nonEmpty({ kind: 'delete', position, length: shifted(end, [done]) - position });
  }
  if (done.position <= step.position) {
    return [{ ...step, position: step.position + done.text.length }];
  }
  if (done.position >= end) return [step];
  // Somebody wrote inside what is deleted: their text stays.
  return [
    { kind: 'delete', position: step.position, length: done.position - step.position },
    { kind: 'delete', position: step.position + done.text.length, length: end - done.position },
  ];
}

function nonEmpty(step: Delete): Step[] {
  return step.length > 0 ? [step] : [];
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
