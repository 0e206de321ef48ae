<?php
// One message of a scenario, before it is published. Shapes: docs/scenarios.md.

declare(strict_types=1);

namespace Hopwire;

use DateTimeImmutable;
use DateTimeZone;
use InvalidArgumentException;
use PhpAmqpLib\Message\AMQPMessage;

/** Where a message goes, what it says, and whether it outlives a restart of the broker. */
final class Envelope
{
    /** Bodies of more bytes than this are compressed. */
    public const COMPRESS_ABOVE_BYTES = 1024;

    public readonly string $id;
    private readonly DateTimeImmutable $time;

    /**
     * @param array<string, mixed> $fields the body after type, id and time; nulls are left out
     * @param bool $isFleeting whether the message is worth nothing once its moment has passed
     */
    public function __construct(
        public readonly string $exchange,
        public readonly string $key,
        public readonly string $type,
        private readonly array $fields,
        private readonly bool $isFleeting = false,
    ) {
        $this->id = self::uuid();
        $this->time = new DateTimeImmutable('now', new DateTimeZone('UTC'));
    }

    /** A moment as all bodies write it: ISO 8601, UTC, milliseconds. */
    public static function iso8601(DateTimeImmutable $moment): string
    {
        return $moment->setTimezone(new DateTimeZone('UTC'))->format('Y-m-d\TH:i:s.v\Z');
    }

    /**
     * An id as one word of a routing key.
     *
     * @throws InvalidArgumentException if it is none, so that no id can widen or redirect a key
     */
    public static function word(string $id): string
    {
        if (preg_match('/^[A-Za-z0-9_-]{1,64}$/D', $id) !== 1) {
            throw new InvalidArgumentException(
                "'$id' is no id: wanted 1 to 64 of letters, digits, '_' and '-'"
            );
        }
        return $id;
    }

    /** The AMQP message. `$userId` must be the login, unless that may impersonate others. */
    public function message(?string $userId = null): AMQPMessage
    {
        $body = $this->json();
        $properties = [
            'content_type' => 'application/json',
            'delivery_mode' => $this->isFleeting
                ? AMQPMessage::DELIVERY_MODE_NON_PERSISTENT
                : AMQPMessage::DELIVERY_MODE_PERSISTENT,
            'message_id' => $this->id,
            'type' => $this->type,
            'timestamp' => $this->time->getTimestamp(),
        ];
        if ($userId !== null) {
            $properties['user_id'] = $userId;
        }
        if (strlen($body) > self::COMPRESS_ABOVE_BYTES) {
            // zlib format (RFC 1950), which is what HTTP and STOMP clients know as "deflate".
            $packed = gzcompress($body);
            if ($packed !== false && strlen($packed) < strlen($body)) {
                $body = $packed;
                $properties['content_encoding'] = 'deflate';
            }
        }
        return new AMQPMessage($body, $properties);
    }

    private function json(): string
    {
        $head = ['type' => $this->type, 'id' => $this->id, 'time' => self::iso8601($this->time)];
        $fields = array_filter($this->fields, static fn (mixed $value): bool => $value !== null);
        return json_encode(
            $head + $fields,
            JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES,
        );
    }

    /** A random UUID (RFC 9562, version 4). */
    private static function uuid(): string
    {
        $bytes = random_bytes(16);
        $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x40);
        $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);
        return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
    }
}
