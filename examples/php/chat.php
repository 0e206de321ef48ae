<?php
// Sends chat messages: to one user, to a room, and who is typing.

declare(strict_types=1);

require __DIR__ . '/autoload.php';

use Hopwire\Chat;
use Hopwire\Command;
use Hopwire\Publisher;

const USAGE = <<<'TEXT'
usage: php chat.php direct FROM TO TEXT
       php chat.php group FROM ROOM TEXT
       php chat.php typing FROM user TO begin|stop
       php chat.php typing FROM room ROOM begin|stop

TEXT;

Command::main(USAGE, static function (Publisher $publisher, array $arguments): string {
    $chat = new Chat($publisher);
    [$verb, $from, $third, $fourth, $fifth] = $arguments + array_fill(0, 5, '');
    return match ([$verb, count($arguments), $verb === 'typing' ? "$third $fifth" : '']) {
        ['direct', 4, ''] => $chat->direct($from, $third, $fourth),
        ['group', 4, ''] => $chat->group($from, $third, $fourth),
        ['typing', 5, 'user begin'] => $chat->typingTo($from, $fourth, true),
        ['typing', 5, 'user stop'] => $chat->typingTo($from, $fourth, false),
        ['typing', 5, 'room begin'] => $chat->typingIn($from, $fourth, true),
        ['typing', 5, 'room stop'] => $chat->typingIn($from, $fourth, false),
    };
});
