<?php
// Scenario: notifications to one user or to everybody.

declare(strict_types=1);

namespace Hopwire;

use InvalidArgumentException;

/** Pushes notifications. */
final class Notifications
{
    public const EXCHANGE = 'notifications';
    public const LEVELS = ['info', 'success', 'warning', 'error'];

    public function __construct(private readonly Publisher $publisher)
    {
    }

    /**
     * To one user's pages.
     *
     * @param string|null $asUser the AMQP user_id; needs the tag impersonator
     */
    public function toUser(
        string $user,
        string $level,
        string $title,
        string $text,
        ?string $link = null,
        ?string $asUser = null,
    ): string {
        $key = 'user.' . Envelope::word($user);
        $envelope = self::envelope($key, $level, $title, $text, $link);
        return $this->publisher->publish($envelope, $asUser);
    }

    /** To every page. */
    public function toAll(string $level, string $title, string $text, ?string $link = null): string
    {
        return $this->publisher->publish(self::envelope('broadcast', $level, $title, $text, $link));
    }

    private static function envelope(
        string $key,
        string $level,
        string $title,
        string $text,
        ?string $link,
    ): Envelope {
        if (!in_array($level, self::LEVELS, true)) {
            throw new InvalidArgumentException("no level '$level': " . implode(', ', self::LEVELS));
        }
        $fields = ['title' => $title, 'text' => $text, 'link' => $link];
        return new Envelope(self::EXCHANGE, $key, $level, $fields);
    }
}
