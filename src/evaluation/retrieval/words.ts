import { pickWhole } from "../random.ts";

/** None contains another: what is looked for in an answer is not found in a longer word by chance. */
const adjectives = split(`
  ancient angry awake awkward bald bare basic bent bitter bleak blind blue blunt bold brave brief bright brisk broad
  broken brown busy calm careful casual cheap cheerful chief civil clean clever cloudy clumsy cold common cosy crisp
  crooked cruel curious curly damp dark dear decent deep dense dim dirty distant double dreary dry dull dusty eager
  early eastern easy elder elegant empty endless equal evil exact faint fair faithful false famous fancy fast feeble
  fierce final firm flat fond foreign formal frail free fresh friendly frosty frozen full funny gentle giant glad
  gloomy golden good graceful grand grateful gray great greedy green grim guilty handsome handy happy harsh hasty
  healthy heavy helpful hidden high hollow holy honest huge humble hungry idle immense innocent jealous jolly joyful
  juicy keen kind large late lazy light little lively local lonely long loose lovely loyal lucky major married mean
  mellow merry mighty mild minor modern modest moist muddy narrow nasty native neat nervous new nice nimble noble
  noisy normal northern numb odd open outer pale patient peaceful perfect pink plain pleasant plump polite poor
  precious pretty private prompt proper proud public pure purple quaint quick quiet rapid rare ready real regular
  remote rich rigid ripe robust rotten rough round royal rude rural rusty sacred safe salty scarce secret selfish
  serious shallow sharp shiny short shy silent silly silver simple sincere single skilful sleepy slender slim slow
  small smart smooth sober soft solemn solid sore sour southern special spicy splendid square steady steep sticky
  stiff stormy straight strange strict strong stubborn subtle sudden sunny superb sure sweet swift tall tame tasty
  tender tense thick thin thirsty tidy timid tiny tired tough true ugly unique upper urgent usual vacant vague vain
  valid vast vivid warm weak wealthy weary western wet white whole wicked wide wild wise witty wooden woolly worthy
  wrong yellow young zealous
`);

const nouns = split(`
  acorn actor almond altar anchor angel ankle anvil apple apron arch artist autumn badge baker balcony bamboo banjo
  barley barn barrel basin basket beach beacon beaver bell bench berry bishop blanket blossom boat bonnet border
  bottle boulder bowl branch brick bridge brook broom brother bucket buffalo bugle butter button cabin cactus camel
  camp canal candle canyon captain carpet carrot castle cathedral cattle cave cedar cellar chair chalk chapel cherry
  chest chimney church circle city clay cliff cloak clock clover coast coffee collar comet compass copper coral
  cottage cotton cousin cradle crane creek cricket crown crystal cushion dagger daisy dancer daughter desert diamond
  dolphin donkey door dragon drawer dream drum eagle earth elbow elephant ember emperor engine envelope estate falcon
  farmer feather fence fiddle field finger flame flute forest fountain frog furnace garden garlic gate giraffe glacier
  glass glove goat goose grain grape gravel guest guitar hammer harbour harvest hawk hedge helmet herald hill honey
  horizon hornet horse hotel hunter iron island ivory jacket jewel journey jungle kettle kingdom kitchen kitten knife
  ladder lagoon lake lamp lantern laurel lawyer leather lemon letter library lion lizard lobster locket lumber magnet
  maple marble market meadow medal melon merchant mill miner mirror monkey moon morning mother mountain muffin museum
  mustard needle nephew novel oasis ocean olive onion orchard organ otter oven oyster paddle painter palace paper
  parade parrot pasture peach peacock pearl pebble pepper piano pigeon pillow pilot pine pirate planet pocket poet
  pond poplar potato prairie prince prison puzzle quarry queen quilt rabbit raven ribbon riddle river robin rocket
  roof rose ruby saddle sailor salmon sandal scarf school scissors seal shadow sheep shell shepherd shield ship shirt
  shoulder sister skirt sleeve snail soldier song sparrow spider spoon spring squirrel stairs statue stone stork stove
  stream street sugar summer swan sword tailor teacher temple tent thimble thorn throne thunder ticket tiger timber
  tower trail trumpet tulip tunnel turtle uncle valley vase village vine violin voyage wagon walnut walrus water whale
  wheat wheel whistle willow window winter wizard wolf yard zebra
`);

/** The adjectives and nouns. */
export const words: readonly string[] = [...adjectives, ...nouns];

/** An adjective and a noun each, as `bold-river`. */
export const wordPairCount: number = adjectives.length * nouns.length;

/** @param index - from 0 to before `wordPairCount` */
export function wordPair(index: number): string {
  return `${adjectives[Math.floor(index / nouns.length)]}-${nouns[index % nouns.length]}`;
}

export function drawWordPair(random: () => number): string {
  return wordPair(pickWhole(random, 0, wordPairCount));
}

/** Draws again where something was drawn before: there have to be many more things than are wanted. */
export function drawDistinct(draw: () => string): () => string {
  const drawn = new Set<string>();
  return () => {
    let next = draw();
    while (drawn.has(next)) next = draw();
    drawn.add(next);
    return next;
  };
}

function split(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
