//! The first message from a back end, in three languages. Pure.

import { BOARD, DOCUMENT, ROOM, address } from '../broker/scenario';

import type { Addressing, Exchange } from '../broker/scenario';

export const LANGUAGES = ['PHP', 'Python', 'curl'] as const;

export type Language = (typeof LANGUAGES)[number];

/** What a snippet sends, to where. */
export interface Sample {
  readonly exchange: string;
  readonly key: string;
  readonly body: { readonly type: string } & Readonly<Record<string, unknown>>;
}

/** Where the back end finds the broker. */
export interface Target {
  /** Host of the broker. */
  readonly host: string;
  /** Origin of the management API. */
  readonly origin: string;
  readonly vhost: string;
  readonly login: string;
}

/** AMQP's port. */
const AMQP_PORT = 5672;

/** A message of a scenario, for `user` to see. */
export function sampleOf(scenario: Exchange, addressing: Addressing, user: string): Sample {
  const samples: Record<Exchange, [key: string, body: Sample['body']]> = {
    notifications: [
      `user.${user}`,
      { type: 'success', title: 'Order shipped', text: 'Order 1042 is on its way.' },
    ],
    presence: ['user.support', { type: 'online', user: 'support', name: 'Support desk' }],
    chat: [
      `room.${ROOM}`,
      { type: 'group', from: 'support', room: ROOM, text: 'Hello from the back end!' },
    ],
    dashboard: [
      `alerts.${BOARD}`,
      { type: 'alert', board: BOARD, severity: 'warning', text: 'Backup is 2 hours late' },
    ],
    editing: [
      `document.${DOCUMENT}`,
      {
        type: 'operation',
        document: DOCUMENT,
        user: 'support',
        revision: 0,
        operation: { kind: 'insert', position: 0, text: 'Written by the back end.\n' },
      },
    ],
  };
  const [key, body] = samples[scenario];
  return { ...address(addressing, scenario, key), body };
}

/** The code that sends it. */
export function snippet(language: Language, sample: Sample, target: Target): string {
  switch (language) {
    case 'PHP':
      return php(sample, target);
    case 'Python':
      return python(sample, target);
    case 'curl':
      return curl(sample, target);
  }
}

/** What must be installed for it. */
export function requirement(language: Language): string {
  switch (language) {
    case 'PHP':
      return 'composer require php-amqplib/php-amqplib';
    case 'Python':
      return 'pip install pika';
    case 'curl':
      return '';
  }
}

function php({ exchange, key, body }: Sample, { host, vhost, login }: Target): string {
  const declare = exchange.startsWith('amq.')
    ? ''
    : `$channel->exchange_declare(${quoted(exchange)}, 'topic', false, true, false);\n`;
  return `<?php
require 'vendor/autoload.php';

use PhpAmqpLib\\Connection\\AMQPStreamConnection;
use PhpAmqpLib\\Message\\AMQPMessage;

$connection = new AMQPStreamConnection(${quoted(host)}, ${AMQP_PORT}, ${quoted(login)}, '${passcodeOf(login)}', ${quoted(vhost)});
$channel = $connection->channel();
${declare}
$body = ${phpValue({ ...body, id: '@id', time: '@time' }, '')
    .replace("'@id'", 'bin2hex(random_bytes(16))')
    .replace("'@time'", "gmdate('Y-m-d\\TH:i:s.000\\Z')")};
$message = new AMQPMessage(json_encode($body), [
    'content_type' => 'application/json',
    'delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT,
]);
$channel->basic_publish($message, ${quoted(exchange)}, ${quoted(key)});
$connection->close();
`;
}

function python({ exchange, key, body }: Sample, { host, vhost, login }: Target): string {
  const declare = exchange.startsWith('amq.')
    ? ''
    : `channel.exchange_declare(${quoted(exchange)}, "topic", durable=True)\n`.replaceAll("'", '"');
  const literal = pythonValue({ ...body, id: '@id', time: '@time' }, '')
    .replace('"@id"', 'str(uuid.uuid4())')
    .replace('"@time"', 'datetime.now(timezone.utc).isoformat()');
  return `import json, uuid
from datetime import datetime, timezone
import pika

connection = pika.BlockingConnection(pika.ConnectionParameters(
    "${host}", ${AMQP_PORT}, "${vhost}", pika.PlainCredentials("${login}", "${passcodeOf(login)}")))
channel = connection.channel()
${declare}
body = ${literal}
channel.basic_publish(
    "${exchange}", "${key}", json.dumps(body),
    pika.BasicProperties(content_type="application/json", delivery_mode=2))
connection.close()
`;
}

function curl({ exchange, key, body }: Sample, { origin, vhost, login }: Target): string {
  const base = `${origin}/api/exchanges/${encodeURIComponent(vhost)}/${exchange}`;
  const message = {
    properties: { content_type: 'application/json', delivery_mode: 2 },
    routing_key: key,
    payload_encoding: 'string',
    payload: JSON.stringify(body),
  };
  const user = `${login}:${passcodeOf(login)}`;
  const declare = exchange.startsWith('amq.')
    ? ''
    : `# once: the exchange
curl -u ${user} -X PUT ${base} \\
  -H 'content-type: application/json' -d '{"type":"topic","durable":true}'

`;
  return `${declare}curl -u ${user} ${base}/publish \\
  -H 'content-type: application/json' \\
  -d ${shellQuoted(JSON.stringify(message, null, 2))}
`;
}

/** guest's passcode is no secret; anybody else's is not shown. */
function passcodeOf(login: string): string {
  return login === 'guest' ? 'guest' : '…';
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function phpValue(value: unknown, indent: string): string {
  if (typeof value === 'string') {
    return value.includes('\n') ? JSON.stringify(value) : quoted(value);
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}    `;
  const lines = Object.entries(value).map(
    ([name, field]) => `${inner}${quoted(name)} => ${phpValue(field, inner)},\n`,
  );
  return `[\n${lines.join('')}${indent}]`;
}

function pythonValue(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}    `;
  const lines = Object.entries(value).map(
    ([name, field]) => `${inner}${JSON.stringify(name)}: ${pythonValue(field, inner)},\n`,
  );
  return `{\n${lines.join('')}${indent}}`;
}
