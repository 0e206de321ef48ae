<?php
// Scenario: chat between two, and in rooms.

declare(strict_types=1);

namespace Hopwire;

/** Pushes chat messages. */
final class Chat
{
    public const EXCHANGE = 'chat';

    public function __construct(private readonly Publisher $publisher)
    {
    }

    public function direct(string $from, string $to, string $text): string
    {
        $fields = ['from' => $from, 'to' => $to, 'text' => $text];
        return $this->publish('user.' . Envelope::word($to), 'direct', $fields);
    }

    public function group(string $from, string $room, string $text): string
    {
        $fields = ['from' => $from, 'room' => $room, 'text' => $text];
        return $this->publish('room.' . Envelope::word($room), 'group', $fields);
    }

    /** Says to one user that another began (or stopped) to write to them. */
    public function typingTo(string $from, string $to, bool $isActive): string
    {
        $fields = ['from' => $from, 'to' => $to, 'active' => $isActive];
        return $this->publish('user.' . Envelope::word($to), 'typing', $fields, isFleeting: true);
    }

    /** Says to a room that somebody began (or stopped) to write there. */
    public function typingIn(string $from, string $room, bool $isActive): string
    {
        $fields = ['from' => $from, 'room' => $room, 'active' => $isActive];
        return $this->publish('room.' . Envelope::word($room), 'typing', $fields, isFleeting: true);
    }

    /** @param array<string, mixed> $fields */
    private function publish(
        string $key,
        string $type,
        array $fields,
        bool $isFleeting = false,
    ): string {
        return $this->publisher->publish(
            new Envelope(self::EXCHANGE, $key, $type, $fields, $isFleeting)
        );
    }
}
