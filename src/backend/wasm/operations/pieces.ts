/*
 * How the outputs of a matrix are cut into items. Memory is fastest where it is read on and on, and threads are never equally fast; so for one row of
 * activations, which is bound by reading, pieces begin long and become shorter:
 *
 *     | one for each thread, three quarters of all together | one for each, three quarters of the rest | ... | short ones |
 */
const longShare = 0.75;

/** Groups of outputs that make up an item. */
export interface Piece {
  readonly first: number;
  readonly groups: number;
}

/** A cut of `groups` groups of outputs. */
export interface Cut {
  readonly groups: number;
  /** How many threads have a long piece each in every round; 0: all pieces are short. */
  readonly sharers: number;
  /** Groups in a short piece, at most; long ones have no fewer. */
  readonly short: number;
}

/** @returns what is the item's */
export function pieceOf(cut: Cut, item: number): Piece {
  let first = 0;
  let index = item;
  for (let long = longPiece(cut, first); long > 0 && index >= cut.sharers; long = longPiece(cut, first)) {
    first += cut.sharers * long;
    index -= cut.sharers;
  }
  const groups = longPiece(cut, first) || shortPiece(cut, first);
  first += index * groups;
  return { first, groups: Math.min(groups, cut.groups - first) };
}

/** @returns how many items a cut has */
export function countPieces(cut: Cut): number {
  let first = 0;
  let items = 0;
  for (let long = longPiece(cut, first); long > 0; long = longPiece(cut, first)) {
    first += cut.sharers * long;
    items += cut.sharers;
  }
  return first === cut.groups ? items : items + Math.ceil((cut.groups - first) / shortPiece(cut, first));
}

/** @returns groups in a long piece when those before `first` are cut; 0: the rest is cut into short ones */
function longPiece({ groups, sharers, short }: Cut, first: number): number {
  if (sharers === 0) return 0;
  const piece = Math.floor(((groups - first) * longShare) / sharers);
  return piece < short ? 0 : piece;
}

function shortPiece({ groups, sharers, short }: Cut, first: number): number {
  return sharers === 0 ? short : Math.min(short, Math.ceil((groups - first) / sharers));
}
