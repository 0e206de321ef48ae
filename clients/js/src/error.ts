//! What can go wrong, by what the caller can do about it.

/**
 * Why an operation failed.
 *
 * - `refused`: the broker said no; asking again the same way will not help.
 * - `timeout`: no answer within the time allowed.
 * - `pending-full`: `pendingMax` messages already wait for their receipts; send later.
 * - `closed`: the client is closed, or its reconnects are used up.
 * - `body`: a body could not be encoded, or a received one could not be decoded.
 * - `handler`: a subscription's handler threw or rejected; `cause` is what it threw.
 */
export type HopwireErrorCode =
  | 'refused'
  | 'timeout'
  | 'pending-full'
  | 'closed'
  | 'body'
  | 'handler';

/** The one error type of this package. */
export class HopwireError extends Error {
  /** What kind of failure this is. */
  readonly code: HopwireErrorCode;
  /** The body of the broker's ERROR frame, or what else is known; may be empty. */
  readonly detail: string;

  constructor(code: HopwireErrorCode, message: string, detail = '', cause?: unknown) {
    super(detail ? `${message}: ${detail.trimEnd()}` : message);
    this.name = 'HopwireError';
    this.code = code;
    this.detail = detail;
    if (cause !== undefined) this.cause = cause;
  }
}
