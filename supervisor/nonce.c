#include "supervisor/nonce.h"

#include <stdlib.h>

void
ward__nonces_draw(struct ward__nonces *nonces)
{
    arc4random_buf(nonces->drawn, sizeof nonces->drawn);
    nonces->left = WARD__NONCES;
}
