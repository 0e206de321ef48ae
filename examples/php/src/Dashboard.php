<?php
// Scenario: live figures and alerts.

declare(strict_types=1);

namespace Hopwire;

use InvalidArgumentException;

/** Pushes metrics and alerts to dashboards. */
final class Dashboard
{
    public const EXCHANGE = 'dashboard';
    public const SEVERITIES = ['info', 'warning', 'critical'];

    public function __construct(private readonly Publisher $publisher)
    {
    }

    /**
     * New values; names that are left out keep theirs.
     *
     * @param array<string, int|float> $values
     */
    public function metrics(string $board, array $values): string
    {
        // An object, so that no values are {} and not [].
        $fields = ['board' => $board, 'values' => (object) $values];
        $key = 'metrics.' . Envelope::word($board);
        return $this->publisher->publish(
            new Envelope(self::EXCHANGE, $key, 'metrics', $fields, isFleeting: true)
        );
    }

    /** An alert, with the metric that raised it if there is one. */
    public function alert(
        string $board,
        string $severity,
        string $text,
        ?string $metric = null,
        int|float|null $value = null,
        int|float|null $threshold = null,
    ): string {
        if (!in_array($severity, self::SEVERITIES, true)) {
            $known = implode(', ', self::SEVERITIES);
            throw new InvalidArgumentException("no severity '$severity': $known");
        }
        $fields = ['board' => $board, 'severity' => $severity, 'text' => $text]
            + ['metric' => $metric, 'value' => $value, 'threshold' => $threshold];
        $key = 'alerts.' . Envelope::word($board);
        return $this->publisher->publish(new Envelope(self::EXCHANGE, $key, 'alert', $fields));
    }
}
