<?php
// Sends online status.

declare(strict_types=1);

require __DIR__ . '/autoload.php';

use Hopwire\Command;
use Hopwire\Presence;
use Hopwire\Publisher;

const USAGE = <<<'TEXT'
usage: php presence.php online USER [NAME]
       php presence.php offline USER
       php presence.php activity USER ACTIVITY [SUBJECT]
       php presence.php users [USER[:NAME] ...]

TEXT;

/** @return array{user: string, name?: string, since: DateTimeImmutable} */
function onlineUser(string $argument): array
{
    [$user, $name] = explode(':', $argument, 2) + [1 => null];
    $since = new DateTimeImmutable();
    return ['user' => $user] + ($name === null ? [] : ['name' => $name]) + ['since' => $since];
}

Command::main(USAGE, static function (Publisher $publisher, array $arguments): string {
    $presence = new Presence($publisher);
    $verb = $arguments[0] ?? '';
    $rest = array_slice($arguments, 1);
    if ($verb === 'users') {
        return $presence->onlineUsers(array_map('onlineUser', $rest));
    }
    return match ([$verb, count($rest)]) {
        ['online', 1], ['online', 2] => $presence->online(...$rest),
        ['offline', 1] => $presence->offline(...$rest),
        ['activity', 2], ['activity', 3] => $presence->activity(...$rest),
    };
});
