.include "../files/two.s"  ;//~ NOTE @1
