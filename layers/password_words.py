"""Words of the border's own vocabulary that a password must not consist of, as typed without diacritics.

``gis.accounts.passwords`` has the words that any Vietnamese password guesser tries; these add the names of the border
guard, of this system and of well-known places on the border.
"""

_WORDS = """
bienphong bodoibienphong donbienphong bienphongvietnam biengioi cuakhau cotmoc mocgioi
mocbai xamat katum tannam
"""
BORDER_WORDS = frozenset(_WORDS.split())
