import { describe, expect, it } from 'vitest'
import { ApiError, isGone, isRecreated } from './errors.ts'

const call = { method: 'PUT', url: 'https://x/api', retryAfterSeconds: 7 }

describe('a Status of somebody who does not keep to its types', () => {
  it.each<[Record<string, unknown>, string, string]>([
    [{ reason: 'NotFound', message: 'gone' }, 'API_NOT_FOUND', 'gone'],
    [{ reason: { toString: null }, message: { toString: null } }, 'API_HTTP_422', 'the API server answered 422'],
    [{ reason: 5, message: [], details: 'x' }, 'API_HTTP_422', 'the API server answered 422'],
    [{ details: { causes: 'x', retryAfterSeconds: '1' } }, 'API_HTTP_422', 'the API server answered 422'],
    [{ details: { causes: [null, 1] } }, 'API_HTTP_422', 'the API server answered 422'],
  ])('%j', (body, code, message) => {
    const error = new ApiError(422, body, call)
    expect([error.code, error.message, error.retryAfterSeconds]).toEqual([code, message, 7])
    expect([isRecreated(error), isGone(error)]).toEqual([false, false])
  })

  it('is read where it does', () => {
    const details = { kind: 'pods', causes: [{ field: 'metadata.uid' }], retryAfterSeconds: 2 }
    const error = new ApiError(422, { reason: 'Invalid', message: 'm', details }, call)
    expect([error.details, error.retryAfterSeconds, isRecreated(error)]).toEqual([details, 2, true])
  })
})
