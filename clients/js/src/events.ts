//! Listeners by event name.

/** Keeps listeners and calls them; one that throws does not stop the others. */
export class Emitter<Events extends { [Name in keyof Events]: (value: never) => void }> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** Adds a listener. The returned function removes it. */
  on<Name extends keyof Events>(name: Name, listener: Events[Name]): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // A wrapper, so that a function added twice is called twice and removed once.
    const entry = (value: never): void => listener(value);
    listeners.add(entry);
    return () => void listeners.delete(entry);
  }

  /** Calls the listeners in the order they came. */
  emit<Name extends keyof Events>(name: Name, value: Parameters<Events[Name]>[0]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(value as never);
      } catch (error) {
        // Rethrown where the host reports uncaught errors, outside the connection's own call stack.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
