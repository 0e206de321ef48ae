<?php
// Scenario: several people edit one document.

declare(strict_types=1);

namespace Hopwire;

/** Pushes operations and cursors. Positions and lengths count UTF-16 code units. */
final class Editing
{
    public const EXCHANGE = 'editing';

    public function __construct(private readonly Publisher $publisher)
    {
    }

    public function insert(
        string $document,
        string $user,
        int $revision,
        int $position,
        string $text,
    ): string {
        $operation = ['kind' => 'insert', 'position' => $position, 'text' => $text];
        return $this->operation($document, $user, $revision, $operation);
    }

    public function delete(
        string $document,
        string $user,
        int $revision,
        int $position,
        int $length,
    ): string {
        $operation = ['kind' => 'delete', 'position' => $position, 'length' => $length];
        return $this->operation($document, $user, $revision, $operation);
    }

    /** Where a user is; `$anchor` is the other end of a selection. */
    public function cursor(
        string $document,
        string $user,
        int $position,
        ?int $anchor = null,
    ): string {
        $fields = ['document' => $document, 'user' => $user]
            + ['position' => $position, 'anchor' => $anchor];
        return $this->publish($document, 'cursor', $fields, isFleeting: true);
    }

    /** @param array<string, mixed> $operation */
    private function operation(
        string $document,
        string $user,
        int $revision,
        array $operation,
    ): string {
        $fields = ['document' => $document, 'user' => $user]
            + ['revision' => $revision, 'operation' => $operation];
        return $this->publish($document, 'operation', $fields);
    }

    /** @param array<string, mixed> $fields */
    private function publish(
        string $document,
        string $type,
        array $fields,
        bool $isFleeting = false,
    ): string {
        $key = 'document.' . Envelope::word($document);
        return $this->publisher->publish(
            new Envelope(self::EXCHANGE, $key, $type, $fields, $isFleeting)
        );
    }
}
