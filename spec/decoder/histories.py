"""Bit histories: what a context saw, in one byte (FORMAT.md, chapter 9)."""

BOUND = [20, 48, 15, 8, 6, 5]
SIDE = 64


def states(n0, n1):
    """How many states stand for n0 zeros and n1 ones."""
    least, most = min(n0, n1), max(n0, n1)
    if least >= len(BOUND) or most > BOUND[least]:
        return 0
    return 2 if least > 0 and most + least <= 17 else 1


def advance(n0, n1, bit):
    """The counts after seeing `bit`."""
    if n0 < n1:
        b, a = advance(n1, n0, 1 - bit)
        return a, b
    discount = lambda n: sum(n >= at for at in (1, 2, 3, 4, 5, 7, 8))
    n0, n1 = (discount(n0), n1 + 1) if bit else (n0 + 1, discount(n1))
    while states(n0, n1) == 0:
        if n1 < 2:
            n0 -= 1
        else:
            n0, n1 = (n0 * (n1 - 1) + n1 // 2) // n1, n1 - 1
    return n0, n1


def transitions():
    """next[state][bit]."""
    numbers, count = {}, 0
    for total in range(SIDE):
        for n1 in range(total + 1):
            n = states(total - n1, n1)
            if n:
                numbers[total - n1, n1] = count, count + n - 1
                count += n
    next = [(0, 0)] * 256
    for (n0, n1), own in numbers.items():
        pair = tuple(numbers[advance(n0, n1, bit)][bit] for bit in (0, 1))
        for state in own:
            next[state] = pair
    return next


NEXT = transitions()
