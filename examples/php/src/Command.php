<?php
// What the example scripts share: arguments in, an id or one line of error out.

declare(strict_types=1);

namespace Hopwire;

use InvalidArgumentException;
use RuntimeException;
use UnhandledMatchError;

/** A script's command line. */
final class Command
{
    /**
     * Calls `$run` with the publisher and the arguments, and prints the id it returns. Ends the
     * script with 2 for bad arguments (after printing `$usage`) and 1 if the broker refused.
     *
     * @param callable(Publisher, list<string>): string $run
     */
    public static function main(string $usage, callable $run): never
    {
        $arguments = array_slice($_SERVER['argv'] ?? [], 1);
        $publisher = Publisher::fromEnvironment();
        try {
            echo $run($publisher, $arguments), "\n";
            $publisher->close();
            exit(0);
        } catch (UnhandledMatchError) {
            fwrite(STDERR, $usage);
            exit(2);
        } catch (InvalidArgumentException $error) {
            fwrite(STDERR, $error->getMessage() . "\n" . $usage);
            exit(2);
        } catch (RuntimeException $error) {
            fwrite(STDERR, $error->getMessage() . "\n");
            exit(1);
        }
    }

    /** @throws InvalidArgumentException if `$text` is no whole number of 0 or more */
    public static function count(string $text): int
    {
        $value = filter_var($text, FILTER_VALIDATE_INT, ['options' => ['min_range' => 0]]);
        return $value !== false
            ? $value
            : throw new InvalidArgumentException("'$text' is no count");
    }

    /** @throws InvalidArgumentException if `$text` is no number */
    public static function number(string $text): int|float
    {
        return is_numeric($text)
            ? $text + 0
            : throw new InvalidArgumentException("'$text' is no number");
    }
}
