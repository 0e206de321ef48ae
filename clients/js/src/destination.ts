//! Destinations as RabbitMQ and Hopwire read them.

/** `/queue/<name>`. */
export function queueDestination(name: string): string {
  return `/queue/${encoded(name)}`;
}

/** `/exchange/<exchange>/<key>`, or `/exchange/<exchange>` for an empty key. */
export function exchangeDestination(exchange: string, key: string): string {
  const base = `/exchange/${encoded(exchange)}`;
  return key === '' ? base : `${base}/${encoded(key)}`;
}

/** Nothing else is encoded: the broker decodes `%2F` only, and `%25` stays as it is. */
function encoded(segment: string): string {
  return segment.replaceAll('/', '%2F');
}
