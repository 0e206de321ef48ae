<?php
// Sends notifications: to one user, or to all.

declare(strict_types=1);

require __DIR__ . '/autoload.php';

use Hopwire\Command;
use Hopwire\Notifications;
use Hopwire\Publisher;

const USAGE = <<<'TEXT'
usage: php notifications.php user ID LEVEL TITLE TEXT [LINK [AS-USER]]
       php notifications.php all LEVEL TITLE TEXT [LINK]
LEVEL is info, success, warning or error; AS-USER becomes the AMQP user_id.

TEXT;

Command::main(USAGE, static function (Publisher $publisher, array $arguments): string {
    $notifications = new Notifications($publisher);
    $rest = array_slice($arguments, 1);
    return match ([$arguments[0] ?? '', count($rest)]) {
        ['user', 4], ['user', 5], ['user', 6] => $notifications->toUser(...$rest),
        ['all', 3], ['all', 4] => $notifications->toAll(...$rest),
    };
});
