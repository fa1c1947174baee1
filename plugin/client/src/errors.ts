// What can go wrong, as far as a program has to tell it apart.

/** The service said no, and why. */
export class Refused extends Error {
  override readonly name = "Refused";
  /** The HTTP status. */
  readonly status: number;
  /** The service's word for it, such as `SLOW_MODE`, where it has one. */
  readonly code: string | null;
  /** What exactly, such as the members of a body that are wrong. */
  readonly details: unknown;
  /** Milliseconds after which it may be tried again, where the service says so. */
  readonly retryAfter: number | null;

  constructor(
    status: number,
    message: string,
    more: { code?: string | null; details?: unknown; retryAfter?: number | null } = {},
  ) {
    super(message);
    this.status = status;
    this.code = more.code ?? null;
    this.details = more.details ?? null;
    this.retryAfter = more.retryAfter ?? null;
  }

  /** Whether the same request can be answered otherwise a little later. */
  get passes(): boolean {
    return this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** Nobody answered, or not in time. Whether the request was carried out is not known. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** Reads the service's no off an answer. */
export async function refusal(answer: Response): Promise<Refused> {
  let error: Record<string, unknown> = {};
  try {
    const body: unknown = await answer.json();
    if (isObject(body) && isObject(body["error"])) error = body["error"];
  } catch {
    // Somebody between here and the service has answered in words of its own.
  }
  const { message, code, details } = error;
  return new Refused(
    answer.status,
    typeof message === "string" ? message : `The service answered ${answer.status}.`,
    {
      code: typeof code === "string" ? code : null,
      details,
      retryAfter: seconds(answer.headers.get("retry-after")),
    },
  );
}

/** `Retry-After` in milliseconds: the service gives seconds, never a date. */
function seconds(text: string | null): number | null {
  return text !== null && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : null;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
