/** A time as most API fields have it (metav1.Time): RFC 3339 in UTC, whole seconds. */
export const apiTime = (epochMs: number): string => new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, 'Z')

/** A time as Leases have it (metav1.MicroTime): microseconds, of which we know the milliseconds. */
export const apiMicroTime = (epochMs: number): string => new Date(epochMs).toISOString().replace('Z', '000Z')
