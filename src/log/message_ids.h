#pragma once

/* The MESSAGE_ID= of the records that programs may match, from `systemd-id128 new`. They must never
 * change. systemd/wsgi-once.catalog explains each of them to the admin (journalctl -x). */

#define MESSAGE_ID_ACCESS "f873f833460c4252ac9cdf35f92e0871"
#define MESSAGE_ID_REQUEST_BEGINS "06f045ad9520422e8ae27d4230a7d086"
#define MESSAGE_ID_SERVING "263ab46c31f24151a7fdfdfa501c372b"
#define MESSAGE_ID_IMPORT_FAILED "91a758133d734dcda41d4b322c6cbbfe"
#define MESSAGE_ID_WORKER_KILLED "8328f081b88844d4a74b2fcb69fe861b"
#define MESSAGE_ID_LIMIT_HIT "b4a66a3e8bab4c54a22dc8b0af3d9270"
#define MESSAGE_ID_RELOADED "73ff475e83184ee99c209693eb1a0ede"
#define MESSAGE_ID_RELOAD_FAILED "cc3e9bdb076f4d90893a87d807f5304a"
