import type { IncomingMessage } from 'node:http'
import { expect, it } from 'vitest'
import { admin, type User } from './authorization.ts'
import { impersonated } from './impersonation.ts'

const as = (headersDistinct: Record<string, string[]>, user: User = admin): User =>
  impersonated(user, { headersDistinct } as unknown as IncomingMessage)

it.each<[Record<string, string[]>, Partial<User>]>([
  [{}, admin],
  [{ 'impersonate-user': ['jane'] }, { name: 'jane', groups: ['system:authenticated'] }],
  [
    { 'impersonate-user': ['jane'], 'impersonate-group': ['devs', 'ops, too'], 'impersonate-uid': ['7'] },
    { name: 'jane', uid: '7', groups: ['devs', 'ops, too', 'system:authenticated'] },
  ],
  [
    { 'impersonate-user': ['system:serviceaccount:a:b'] },
    { groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'] },
  ],
  [{ 'impersonate-user': ['system:anonymous'] }, { groups: ['system:unauthenticated'] }],
  [
    { 'impersonate-user': ['jane'], 'impersonate-extra-acme.com%2fproject': ['x'] },
    { extra: { 'acme.com/project': ['x'] } },
  ],
])('%j', (headers, expected) => {
  expect(as(headers)).toMatchObject(expected)
})

it('is for those who may do everything, and of a user', () => {
  const low: User = { name: 'low', groups: ['system:authenticated'] }
  expect(() => as({ 'impersonate-user': ['jane'] }, low)).toThrow(
    'users "jane" is forbidden: User "low" cannot impersonate resource "users" in API group "" at the cluster scope',
  )
  expect(() => as({ 'impersonate-user': ['system:serviceaccount:a:b'] }, low)).toThrow(
    'serviceaccounts "b" is forbidden: User "low" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "a"',
  )
  expect(() => as({ 'impersonate-group': ['devs'] })).toThrow('without impersonating a user')
})
