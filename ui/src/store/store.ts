//! A value that tells when it changes, and how a component reads it.

import { useEffect, useReducer } from 'preact/hooks';

/** What can be read and watched. */
export interface Readable<T> {
  readonly value: T;
  /** Calls `listener` after every change. The returned function ends that. */
  watch(listener: () => void): () => void;
}

/** A value that is replaced, never changed in place. */
export class Store<T> implements Readable<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value));
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** The store's value; the component renders again when it changes. */
export function useValue<T>(store: Readable<T>): T {
  const [, render] = useReducer<number, void>((count) => count + 1, 0);
  const shown = store.value;
  useEffect(() => {
    // It may have changed between rendering and now.
    if (!Object.is(shown, store.value)) render();
    return store.watch(() => render());
  }, [store]);
  return shown;
}

/** The same for what changes often: renders at most once per `everyMs`. */
export function useValueSlowly<T>(store: Readable<T>, everyMs: number): T {
  const [, render] = useReducer<number, void>((count) => count + 1, 0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = store.watch(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        render();
      }, everyMs);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [store, everyMs]);
  return store.value;
}

/** The time, in milliseconds since 1970, anew every `everyMs`. */
export function useNow(everyMs: number): number {
  const [, render] = useReducer<number, void>((count) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => render(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return Date.now();
}
