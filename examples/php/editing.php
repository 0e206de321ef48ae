<?php
// Sends operations and cursors of a shared document.

declare(strict_types=1);

require __DIR__ . '/autoload.php';

use Hopwire\Command;
use Hopwire\Editing;
use Hopwire\Publisher;

const USAGE = <<<'TEXT'
usage: php editing.php insert DOCUMENT USER REVISION POSITION TEXT
       php editing.php delete DOCUMENT USER REVISION POSITION LENGTH
       php editing.php cursor DOCUMENT USER POSITION [ANCHOR]
POSITION, LENGTH and ANCHOR count UTF-16 code units.

TEXT;

Command::main(USAGE, static function (Publisher $publisher, array $arguments): string {
    $editing = new Editing($publisher);
    $rest = array_slice($arguments, 1);
    $count = static fn (int $at): int => Command::count($rest[$at]);
    return match ([$arguments[0] ?? '', count($rest)]) {
        ['insert', 5] => $editing->insert($rest[0], $rest[1], $count(2), $count(3), $rest[4]),
        ['delete', 5] => $editing->delete($rest[0], $rest[1], $count(2), $count(3), $count(4)),
        ['cursor', 3] => $editing->cursor($rest[0], $rest[1], $count(2)),
        ['cursor', 4] => $editing->cursor($rest[0], $rest[1], $count(2), $count(3)),
    };
});
