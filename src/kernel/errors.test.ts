import { describe, expect, it } from 'vitest'
import { errnoFromText, errnoName, errnoValues, isExists, isNotFound, isPermission, KernelError } from './errors.ts'
import { otherTable, tableNames } from './names.ts'

const error = (name: string): KernelError =>
  new KernelError({ errno: errnoValues[name] as number, operation: 'bind', where: '10.0.0.1 port 80', text: 'said so' })

describe('kernel errors', () => {
  it('carry number, name, operation and place', () => {
    expect(error('EADDRINUSE')).toMatchObject({
      message: 'bind 10.0.0.1 port 80: EADDRINUSE: said so',
      code: 'KERNEL_EADDRINUSE',
      fault: 'kernel',
      where: '10.0.0.1 port 80',
      errno: errnoValues['EADDRINUSE'],
      failed: [],
    })
    expect(error('EPERM').remedy).toContain('CAP_NET_ADMIN')
  })

  it('are recognised', () => {
    expect([isNotFound(error('ENOENT')), isNotFound(error('EEXIST')), isNotFound(new Error('ENOENT'))]).toEqual([
      true,
      false,
      false,
    ])
    expect([isExists(error('EEXIST')), isPermission(error('EPERM')), isPermission(error('EACCES'))]).toEqual([
      true,
      true,
      true,
    ])
  })

  it('have one name for each number', () => {
    expect(errnoName(11)).toBe('EAGAIN')
    expect(errnoName(95)).toBe('EOPNOTSUPP')
    expect(errnoName(524)).toBe('errno 524')
  })

  it('are read from what tools say', () => {
    expect(errnoName(errnoFromText('RTNETLINK answers: File exists'))).toBe('EEXIST')
    expect(errnoName(errnoFromText('something else'))).toBe('EINVAL')
  })
})

describe('names', () => {
  it('take turns', () => expect(tableNames.map(otherTable)).toEqual(['weft-b', 'weft']))
})
