"""The words that have a row of their own in the embedding. Append only: rows are counted from the top."""

from __future__ import annotations

_LIST = """
    a an the this that these those is are of to in on at it its one ones and or but not no with without which who
    find click show me where want i need see look for please pick select point get give locate mark you can there
    circle circles ball balls disc discs sphere spheres square squares box boxes block blocks rectangle rectangles
    bar bars triangle triangles star stars heart hearts ring rings hoop hoops cross crosses plus diamond diamonds
    rhombus hexagon hexagons crescent crescents moon moons arrow arrows mug mugs cup cups house houses home homes
    car cars auto autos tree trees fish fishes lamp lamps light lights key keys mushroom mushrooms
    thing things object objects shape shapes item items icon icons
    red orange yellow green teal cyan turquoise blue purple violet pink brown black grey gray white scarlet lime
    plain striped dotted checkered hollow stripes dots checks outlined spotted stripy solid empty patterned
    matte shiny glossy dull flat small medium large tiny little huge big mid sized size smaller larger bigger
    smallest largest biggest tilted upright straight slanted rotated turned
    left right top bottom upper lower corner middle centre center side edge half part picture image area
    leftmost rightmost topmost bottommost highest lowest uppermost far furthest farthest lefthand righthand hand
    first second third fourth fifth sixth seventh eighth last from counting count order row column
    above over below under beneath underneath beside next near nearest closest close by between among
    behind front before inside within containing touching around atop stacked covering covered overlapping
    pointing points toward towards same colour color coloured colored pattern kind type as like than other
    different except apart more less both all each every two three four five six pair
    clockwise anticlockwise has have having whose lies lying sits sitting stands standing placed located
    also just only very most least does do any some either neither them they
    up down low pluses checked pointed rhombuses
"""

WORDS = tuple(_LIST.split())
