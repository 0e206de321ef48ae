<?php
// Sends metrics and alerts to a dashboard.

declare(strict_types=1);

require __DIR__ . '/autoload.php';

use Hopwire\Command;
use Hopwire\Dashboard;
use Hopwire\Publisher;

const USAGE = <<<'TEXT'
usage: php dashboard.php metrics BOARD NAME=VALUE ...
       php dashboard.php alert BOARD SEVERITY TEXT [METRIC VALUE THRESHOLD]
SEVERITY is info, warning or critical.

TEXT;

/**
 * @param list<string> $arguments
 * @return array<string, int|float>
 */
function valuesOf(array $arguments): array
{
    $values = [];
    foreach ($arguments as $argument) {
        [$name, $value] = explode('=', $argument, 2) + [1 => ''];
        $values[$name] = Command::number($value);
    }
    return $values;
}

Command::main(USAGE, static function (Publisher $publisher, array $arguments): string {
    $dashboard = new Dashboard($publisher);
    $verb = $arguments[0] ?? '';
    $rest = array_slice($arguments, 1);
    if ($verb === 'metrics' && count($rest) >= 2) {
        return $dashboard->metrics($rest[0], valuesOf(array_slice($rest, 1)));
    }
    return match ([$verb, count($rest)]) {
        ['alert', 3] => $dashboard->alert(...$rest),
        ['alert', 6] => $dashboard->alert(
            $rest[0],
            $rest[1],
            $rest[2],
            $rest[3],
            Command::number($rest[4]),
            Command::number($rest[5]),
        ),
    };
});
