<?php
// Scenario: who is online, and what they do.

declare(strict_types=1);

namespace Hopwire;

use DateTimeImmutable;

/** Pushes online status. */
final class Presence
{
    public const EXCHANGE = 'presence';

    public function __construct(private readonly Publisher $publisher)
    {
    }

    public function online(string $user, ?string $name = null): string
    {
        return $this->publish($user, 'online', ['name' => $name]);
    }

    public function offline(string $user): string
    {
        return $this->publish($user, 'offline', []);
    }

    /** What a user is doing, such as `viewing`, and what they do it to. */
    public function activity(string $user, string $activity, ?string $subject = null): string
    {
        $fields = ['activity' => $activity, 'subject' => $subject];
        return $this->publish($user, 'activity', $fields, isFleeting: true);
    }

    /**
     * Everybody who is online, to every page.
     *
     * @param list<array{user: string, name?: string, since: DateTimeImmutable}> $users
     */
    public function onlineUsers(array $users): string
    {
        $list = array_map(
            static fn (array $user): array =>
                ['since' => Envelope::iso8601($user['since'])] + $user,
            $users,
        );
        $fields = ['users' => $list];
        return $this->publisher->publish(
            new Envelope(self::EXCHANGE, 'broadcast', 'online-users', $fields)
        );
    }

    /** @param array<string, mixed> $fields */
    private function publish(
        string $user,
        string $type,
        array $fields,
        bool $isFleeting = false,
    ): string {
        $key = 'user.' . Envelope::word($user);
        $fields = ['user' => $user] + $fields;
        return $this->publisher->publish(
            new Envelope(self::EXCHANGE, $key, $type, $fields, $isFleeting)
        );
    }
}
